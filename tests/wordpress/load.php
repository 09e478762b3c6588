<?php
// Loads Debian's WordPress for a script on the command line, and installs it into an empty database.

error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', 'stderr');
set_error_handler(function (int $level, string $message, string $file, int $line): bool {
    if (error_reporting() & $level) {
        fwrite(STDERR, "$file:$line: $message\n");
        exit(1);
    }
    return true;
});

require __DIR__ . '/config.php';
$_SERVER['HTTP_HOST'] = parse_url($url, PHP_URL_HOST);
$_SERVER['REQUEST_URI'] = '/';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_METHOD'] = 'GET';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';
define('ABSPATH', (getenv('WORDPRESS_FOLDER') ?: '/usr/share/wordpress') . '/');

$database = mysqli_init();
$database->real_connect('localhost', 'root', '', DB_NAME, 0, getenv('WORDPRESS_SOCKET'));
$is_new = $database->query("SHOW TABLES LIKE 'wp_options'")->num_rows === 0;
$database->close();
if ($is_new) {
    define('WP_INSTALLING', true);
}

function wp_mail(): bool
{
    return true; // instead of WordPress's own: no message of the trial leaves the machine
}

require ABSPATH . 'wp-settings.php';
require_once ABSPATH . 'wp-admin/includes/admin.php';

if ($is_new) {
    require_once ABSPATH . 'wp-admin/includes/upgrade.php';
    wp_install('Trial', 'admin', 'admin@example.org', true, '', 'only for this trial');
    wp_delete_comment(1, true);
    foreach (get_posts(['post_type' => 'any', 'post_status' => 'any', 'numberposts' => -1]) as $post) {
        wp_delete_post($post->ID, true);
    }
    update_option('permalink_structure', '/%year%/%monthnum%/%postname%/');
    $GLOBALS['wp_rewrite']->init();
    $GLOBALS['wp_rewrite']->flush_rules(false);
}
wp_set_current_user(1);
