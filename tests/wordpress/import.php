<?php
// Imports a WXR file with the steps of the plugin “WordPress Importer”, which no package of Debian has: a post with
// the title, time and type of one that is there is that post; comments are added in order of their ids, cleaned by
// wp_filter_comment; a parent is known only if it was added before.
require __DIR__ . '/load.php';

$xml = simplexml_load_file($argv[1], 'SimpleXMLElement', LIBXML_NONET);
$wp = $xml->getDocNamespaces()['wp'];
$counts = ['posts' => 0, 'existing posts' => 0, 'comments' => 0];
foreach ($xml->channel->item as $item) {
    $fields = $item->children($wp);
    $title = (string) $item->title;
    $existing = post_exists($title, '', (string) $fields->post_date);
    if ($existing && get_post_type($existing) === (string) $fields->post_type) {
        $post_id = $existing;
        $counts['existing posts']++;
    } else {
        $post_id = wp_insert_post(wp_slash([
            'import_id' => (string) $fields->post_id,
            'post_author' => get_current_user_id(),
            'post_title' => $title,
            'post_content' => (string) $item->children($xml->getDocNamespaces()['content'])->encoded,
            'post_excerpt' => '',
            'post_date' => (string) $fields->post_date,
            'post_date_gmt' => (string) $fields->post_date_gmt,
            'post_status' => (string) $fields->status,
            'post_name' => (string) $fields->post_name,
            'comment_status' => (string) $fields->comment_status,
            'ping_status' => (string) $fields->ping_status,
            'guid' => (string) $item->guid,
            'post_type' => (string) $fields->post_type,
            'post_password' => (string) $fields->post_password,
        ]), true);
        if (is_wp_error($post_id)) {
            fwrite(STDERR, "$title: {$post_id->get_error_message()}\n");
            exit(1);
        }
        $counts['posts']++;
    }

    $comments = [];
    foreach ($fields->comment as $written) {
        $of = $written->children($wp);
        $comment = ['comment_post_ID' => $post_id];
        foreach (
            ['author', 'author_email', 'author_IP', 'author_url', 'date', 'date_gmt', 'content', 'approved', 'type',
                'parent'] as $name
        ) {
            $comment["comment_$name"] = (string) $of->{"comment_$name"};
        }
        $comments[(int) $of->comment_id] = $comment;
    }
    ksort($comments);
    $added = [];
    foreach ($comments as $id => $comment) {
        if ($existing && comment_exists($comment['comment_author'], $comment['comment_date'])) {
            continue;
        }
        $parent = (int) $comment['comment_parent'];
        $comment['comment_parent'] = $added[$parent] ?? $parent;
        $added[$id] = wp_insert_comment(wp_filter_comment(wp_slash($comment)));
        $counts['comments']++;
    }
}
echo json_encode($counts);
