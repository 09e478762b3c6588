<?php
// Settings → commentsvc: service, site and how comments are shown; whether the connection works; moving comments.

defined('ABSPATH') || exit;

add_action('admin_menu', function () {
    add_options_page('commentsvc', 'commentsvc', 'manage_options', 'commentsvc', 'commentsvc_settings_page');
});
add_filter('plugin_action_links_' . plugin_basename(__DIR__ . '/commentsvc.php'), function (array $links) {
    $page = admin_url('options-general.php?page=commentsvc');
    array_unshift($links, sprintf('<a href="%s">%s</a>', esc_url($page), esc_html__('Settings', 'commentsvc')));
    return $links;
});

add_action('admin_init', function () {
    register_setting('commentsvc', 'commentsvc', ['type' => 'array', 'sanitize_callback' => 'commentsvc_checked']);
});

/** The settings as they are kept; what is wrong is named and stays as it was. */
function commentsvc_checked($sent): array
{
    $kept = commentsvc_settings();
    $sent = array_map('trim', array_map('strval', is_array($sent) ? $sent : []));
    $service = untrailingslashit(esc_url_raw($sent['service'] ?? '', ['http', 'https']));
    if ($service !== '' && wp_parse_url($service, PHP_URL_HOST)) {
        $kept['service'] = $service;
    } else {
        add_settings_error('commentsvc', 'service', __('The service is a URL such as https://comments.example.', 'commentsvc'));
    }
    if (preg_match('/^[A-Za-z0-9._-]{1,100}$/D', $sent['site'] ?? '')) {
        $kept['site'] = $sent['site'];
    } else {
        add_settings_error('commentsvc', 'site', __('The site is its key at the service, such as blog.', 'commentsvc'));
    }
    if (preg_match('/^([a-z]{2,3}(-[A-Za-z0-9]{2,8})*)?$/D', $sent['lang'] ?? '')) {
        $kept['lang'] = $sent['lang'] ?? '';
    } else {
        add_settings_error('commentsvc', 'lang', __('The language is a tag such as de or pt-BR.', 'commentsvc'));
    }
    $kept['sort'] = in_array($sent['sort'] ?? '', COMMENTSVC_SORTS, true) ? $sent['sort'] : 'oldest';
    $kept['copy'] = !empty($sent['copy']);
    return $kept;
}

/** Whether the service knows the site and takes comments from this blog: [is it right, what to do otherwise]. */
function commentsvc_connection(): array
{
    $settings = commentsvc_settings();
    $origin = preg_replace('~^(https?://[^/]+).*~i', '$1', home_url());
    $url = commentsvc_url('/embed/v1/may-write', ['site' => $settings['site']]);
    $answer = wp_remote_get($url, ['timeout' => COMMENTSVC_TIMEOUT_S, 'headers' => ['Origin' => $origin]]);
    if (is_wp_error($answer)) {
        /* translators: 1: URL, 2: error message */
        return [false, sprintf(__('%1$s does not answer: %2$s', 'commentsvc'), $settings['service'], $answer->get_error_message())];
    }
    $status = wp_remote_retrieve_response_code($answer);
    $found = json_decode(wp_remote_retrieve_body($answer), true);
    if ($status === 404) {
        /* translators: 1: URL, 2: key of a site */
        return [false, sprintf(__('%1$s has no site “%2$s”.', 'commentsvc'), $settings['service'], $settings['site'])];
    }
    if ($status !== 200 || !isset($found['may_write'])) {
        /* translators: 1: URL, 2: HTTP status */
        return [false, sprintf(__('%1$s answered with status %2$d; it may not be a commentsvc service.', 'commentsvc'), $settings['service'], $status)];
    }
    if (!$found['may_write']) {
        /* translators: 1: key of a site, 2: origin of the blog */
        return [false, sprintf(__('The site “%1$s” does not take comments from %2$s. Add that origin in its settings.', 'commentsvc'), $settings['site'], $origin)];
    }
    /* translators: 1: key of a site, 2: origin of the blog */
    return [true, sprintf(__('Connected: the site “%1$s” takes comments from %2$s.', 'commentsvc'), $settings['site'], $origin)];
}

function commentsvc_settings_page(): void
{
    $settings = commentsvc_settings();
    $labels = ['oldest' => __('Oldest first', 'commentsvc'), 'newest' => __('Newest first', 'commentsvc'), 'top' => __('Best first', 'commentsvc')];
    ?>
    <div class="wrap">
        <h1>commentsvc</h1>
        <?php if (commentsvc_is_set_up()) : ?>
            <?php [$is_right, $sentence] = commentsvc_connection(); ?>
            <div class="notice inline <?php echo $is_right ? 'notice-success' : 'notice-error'; ?>"><p><?php echo esc_html($sentence); ?></p></div>
        <?php endif; ?>
        <form method="post" action="options.php">
            <?php settings_fields('commentsvc'); ?>
            <table class="form-table" role="presentation">
                <tr>
                    <th scope="row"><label for="commentsvc-service"><?php esc_html_e('Service', 'commentsvc'); ?></label></th>
                    <td><input type="url" required class="regular-text" id="commentsvc-service" name="commentsvc[service]" placeholder="https://comments.example" value="<?php echo esc_attr($settings['service']); ?>"></td>
                </tr>
                <tr>
                    <th scope="row"><label for="commentsvc-site"><?php esc_html_e('Site', 'commentsvc'); ?></label></th>
                    <td><input type="text" required class="regular-text" id="commentsvc-site" name="commentsvc[site]" value="<?php echo esc_attr($settings['site']); ?>">
                    <p class="description"><?php esc_html_e('The key of this blog at the service.', 'commentsvc'); ?></p></td>
                </tr>
                <tr>
                    <th scope="row"><label for="commentsvc-sort"><?php esc_html_e('Order', 'commentsvc'); ?></label></th>
                    <td><select id="commentsvc-sort" name="commentsvc[sort]">
                        <?php foreach ($labels as $value => $label) : ?>
                            <option value="<?php echo esc_attr($value); ?>" <?php selected($settings['sort'], $value); ?>><?php echo esc_html($label); ?></option>
                        <?php endforeach; ?>
                    </select></td>
                </tr>
                <tr>
                    <th scope="row"><label for="commentsvc-lang"><?php esc_html_e('Language', 'commentsvc'); ?></label></th>
                    <td><input type="text" class="small-text" id="commentsvc-lang" name="commentsvc[lang]" value="<?php echo esc_attr($settings['lang']); ?>">
                    <p class="description"><?php esc_html_e('Such as de. Empty: the language of the blog.', 'commentsvc'); ?></p></td>
                </tr>
                <tr>
                    <th scope="row"><?php esc_html_e('Search engines', 'commentsvc'); ?></th>
                    <td><label><input type="checkbox" name="commentsvc[copy]" value="1" <?php checked($settings['copy']); ?>> <?php esc_html_e('Write the comments into the page', 'commentsvc'); ?></label>
                    <p class="description"><?php esc_html_e('For readers without scripts too. They are at most five minutes old.', 'commentsvc'); ?></p></td>
                </tr>
            </table>
            <?php submit_button(); ?>
        </form>
        <?php if (commentsvc_is_set_up() && current_user_can('export')) : ?>
            <h2><?php esc_html_e('Import the comments of this blog', 'commentsvc'); ?></h2>
            <p><?php esc_html_e('Download the export of WordPress, and give that file to the service. Importing it again adds only what is new. WordPress keeps its own comments.', 'commentsvc'); ?></p>
            <p>
                <a class="button" href="<?php echo esc_url(admin_url('export.php?download=true&content=all')); ?>"><?php esc_html_e('1. Download the export', 'commentsvc'); ?></a>
                <a class="button" href="<?php echo esc_url(commentsvc_url('/dashboard/' . rawurlencode($settings['site']) . '/imports', [])); ?>"><?php esc_html_e('2. Import it', 'commentsvc'); ?></a>
            </p>
        <?php endif; ?>
    </div>
    <?php
}
