<?php
/**
 * Plugin Name: commentsvc
 * Description: Replaces WordPress's comments by those of a commentsvc server.
 * Version: 0.1.0
 * Requires at least: 6.1
 * Requires PHP: 7.4
 * License: MIT
 * Text Domain: commentsvc
 */

defined('ABSPATH') || exit;

const COMMENTSVC_SORTS = ['oldest', 'newest', 'top'];

/**
 * The plugin's settings: `service` (URL without a slash at its end), `site` (key), `copy` (whether the comments are
 * written into the page for search engines), `lang` ('': the blog's language), `sort` (one of COMMENTSVC_SORTS).
 */
function commentsvc_settings(): array
{
    $defaults = ['service' => '', 'site' => '', 'copy' => true, 'lang' => '', 'sort' => 'oldest'];
    return array_merge($defaults, (array) get_option('commentsvc', []));
}

function commentsvc_is_set_up(): bool
{
    $settings = commentsvc_settings();
    return $settings['service'] !== '' && $settings['site'] !== '';
}

require __DIR__ . '/service.php';
require __DIR__ . '/settings.php';
if (commentsvc_is_set_up()) {
    require __DIR__ . '/page.php';
    require __DIR__ . '/native.php';
}
