<?php
// Closes WordPress's own comments: whoever can still send one would write where nobody reads.

defined('ABSPATH') || exit;

// The form, XML-RPC, pingbacks, trackbacks and replies in wp-admin.
add_filter('preprocess_comment', function () {
    wp_die(esc_html__('Comments are written on the page itself.', 'commentsvc'), '', ['response' => 403, 'back_link' => true]);
});
add_filter('rest_pre_insert_comment', function () {
    return new WP_Error('commentsvc_closed', __('Comments are written on the page itself.', 'commentsvc'), ['status' => 403]);
});
add_filter('pings_open', '__return_false', 20);
add_filter('feed_links_show_comments_feed', '__return_false');
add_action('wp_enqueue_scripts', function () {
    wp_dequeue_script('comment-reply');
}, 20);
