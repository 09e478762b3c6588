<?php
// Prints the copy of a post's comments as the plugin writes it when the last one is old and the service is away.
// Arguments: id of the post, key of the site.
require __DIR__ . '/load.php';

// The settings page was left with a site that is unknown.
update_option('commentsvc', ['site' => $argv[2]] + get_option('commentsvc'));
$post = get_post((int) $argv[1]);
[$copy] = commentsvc_known('copy', $post);
set_transient(commentsvc_transient('copy', $post), [$copy, time() - 1], HOUR_IN_SECONDS);
echo commentsvc_copy($post);
