<?php
// Fills a WordPress for the tests of the plugin (integrations/wordpress). Arguments: service URL, key of the site,
// permalink structure ('' for plain links), theme.
require __DIR__ . '/load.php';

[, $service, $site, $structure, $theme] = $argv;
update_option('permalink_structure', $structure);
$wp_rewrite->init();
$wp_rewrite->flush_rules(false);
switch_theme($theme);
update_option('commentsvc', ['service' => $service, 'site' => $site, 'copy' => true, 'lang' => '', 'sort' => 'oldest']);
update_option('active_plugins', ['commentsvc/commentsvc.php']);

$posts = [
    'post' => ['post_title' => "It's a “post” & more"],
    'page' => ['post_title' => 'A page', 'post_type' => 'page', 'comment_status' => 'open'],
    'japanese' => ['post_title' => '日本語の投稿'],
    'closed' => ['post_title' => 'Closed', 'comment_status' => 'closed'],
    'silent' => ['post_title' => 'Without comments', 'comment_status' => 'closed'],
    'password' => ['post_title' => 'With a password', 'post_password' => 'secret'],
    'private' => ['post_title' => 'Private', 'post_status' => 'private'],
];
$written = [];
foreach ($posts as $name => $fields) {
    $id = wp_insert_post(wp_slash($fields + ['post_content' => 'Words.', 'post_status' => 'publish']));
    $written[$name] = ['id' => $id, 'url' => get_permalink($id)];
    if ($name !== 'silent') {
        wp_insert_comment(['comment_post_ID' => $id, 'comment_author' => 'Carol', 'comment_content' => "Imported into $name",
            'comment_author_email' => 'carol@example.org']);
    }
}
echo json_encode($written, JSON_UNESCAPED_SLASHES);
