<?php
// Puts <comment-thread> where the theme has its comments, and our counts where it has WordPress's.

defined('ABSPATH') || exit;

/** The element for a post, with what it needs of the page said and not guessed. */
function commentsvc_element(WP_Post $post): string
{
    $settings = commentsvc_settings();
    $attributes = [
        'site' => $settings['site'],
        'thread' => commentsvc_thread($post),
        'title' => html_entity_decode(wp_strip_all_tags(get_the_title($post)), ENT_QUOTES | ENT_HTML5, 'UTF-8'),
        'url' => get_permalink($post),
        'lang' => commentsvc_language(),
        'sort' => $settings['sort'],
    ];
    $written = '';
    foreach ($attributes as $name => $value) {
        $written .= sprintf(' %s="%s"', $name, esc_attr($value));
    }
    $hosted = commentsvc_url('/t/' . rawurlencode($settings['site']), ['thread' => commentsvc_thread($post)]);
    $link = sprintf('<noscript><a href="%s">%s</a></noscript>', esc_url($hosted), esc_html__('Read and write comments', 'commentsvc'));
    // What themes give their width: of block themes, of classic themes, and of Twenty Twenty-One.
    $class = apply_filters('commentsvc_class', 'wp-block-comments comments-area default-max-width');
    return sprintf(
        '<div id="comments" class="%s"><comment-thread%s>%s%s</comment-thread></div>',
        esc_attr($class),
        $written,
        $settings['copy'] ? commentsvc_copy($post) : '',
        $link
    );
}

/** Whether the page is that of one post with comments. The service shows them to everybody: the post must be public. */
function commentsvc_has_thread(): bool
{
    $post = get_queried_object();
    return is_singular() && $post instanceof WP_Post && is_post_publicly_viewable($post) && $post->post_password === ''
        && (comments_open($post) || get_comments_number($post) > 0);
}

// Block themes. A page has one thread: themes with the blocks of comments side by side show it in place of the first.
add_filter('pre_render_block', function ($html, array $block) {
    static $is_shown = false;
    if (!in_array($block['blockName'], ['core/comments', 'core/post-comments', 'core/post-comments-form'], true)) {
        return $html;
    }
    if ($is_shown || !commentsvc_has_thread()) {
        return '';
    }
    $is_shown = true;
    return commentsvc_element(get_queried_object());
}, 10, 2);

// Classic themes.
add_filter('comments_template', function () {
    return __DIR__ . '/comments.php';
}, 20);

// A module is loaded without holding up the page. wp_enqueue_script_module needs WordPress 6.5.
add_action('wp_head', function () {
    if (commentsvc_has_thread()) {
        printf('<script type="module" src="%s"></script>' . "\n", esc_url(commentsvc_url('/embed.js', [])));
    }
});

add_filter('get_comments_number', function ($number, $post_id) {
    $post = get_post($post_id);
    return $post instanceof WP_Post && !is_admin() ? commentsvc_count($post) : $number;
}, 10, 2);

// One request for all posts of a list.
add_filter('the_posts', function (array $posts, WP_Query $query) {
    if ($query->is_main_query() && !is_admin()) {
        commentsvc_load_counts($posts);
    }
    return $posts;
}, 10, 2);
