<?php
// Prints every comment as JSON, with the HTML that visitors see.
require __DIR__ . '/load.php';

global $wpdb;
$written = [];
foreach ($wpdb->get_results("SELECT * FROM $wpdb->comments ORDER BY comment_ID") as $row) {
    $comment = get_comment($row);
    $post = get_post($comment->comment_post_ID);
    $written[] = [
        'id' => (int) $comment->comment_ID,
        'parent' => (int) $comment->comment_parent,
        'post' => $post->guid,
        'post_name' => $post->post_name,
        'post_title' => $post->post_title,
        'post_date_gmt' => $post->post_date_gmt,
        'post_status' => $post->post_status,
        'post_type' => $post->post_type,
        'comment_status' => $post->comment_status,
        'post_password' => $post->post_password,
        'link' => get_permalink($post),
        'author' => $comment->comment_author,
        'email' => $comment->comment_author_email,
        'url' => $comment->comment_author_url,
        'ip' => $comment->comment_author_IP,
        'date' => $comment->comment_date,
        'date_gmt' => $comment->comment_date_gmt,
        'gmt_of_date' => get_gmt_from_date($comment->comment_date),
        'status' => $comment->comment_approved,
        'type' => $comment->comment_type,
        'user_id' => (int) $comment->user_id,
        'content' => $comment->comment_content,
        'html' => apply_filters('comment_text', get_comment_text($comment), $comment, []),
        'label' => get_comment_meta($comment->comment_ID, 'label', true),
    ];
}
echo json_encode($written, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES | JSON_THROW_ON_ERROR);
