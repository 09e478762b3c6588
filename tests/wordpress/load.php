<?php
// Loads Debian's WordPress for a script on the command line, and installs it into an empty database.
// Settings: WORDPRESS_DATABASE, WORDPRESS_SOCKET (of MariaDB), WORDPRESS_URL, WORDPRESS_UNFILTERED (1: the person who
// imports may write any HTML, as administrators of a single site may; 0: as those of a network of sites may not).

error_reporting(E_ALL & ~E_DEPRECATED);
ini_set('display_errors', 'stderr');
set_error_handler(function (int $level, string $message, string $file, int $line): bool {
    if (error_reporting() & $level) {
        fwrite(STDERR, "$file:$line: $message\n");
        exit(1);
    }
    return true;
});

$url = getenv('WORDPRESS_URL');
$_SERVER['HTTP_HOST'] = parse_url($url, PHP_URL_HOST);
$_SERVER['REQUEST_URI'] = '/';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_METHOD'] = 'GET';
$_SERVER['REMOTE_ADDR'] = '127.0.0.1';

define('ABSPATH', '/usr/share/wordpress/');
define('DB_NAME', getenv('WORDPRESS_DATABASE'));
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:' . getenv('WORDPRESS_SOCKET'));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', $url);
define('WP_SITEURL', $url);
define('WP_HTTP_BLOCK_EXTERNAL', true);
define('DISABLE_WP_CRON', true);
define('DISALLOW_UNFILTERED_HTML', getenv('WORDPRESS_UNFILTERED') !== '1');
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    define("{$name}_KEY", "only for this trial: $name");
    define("{$name}_SALT", "only for this trial: $name salt");
}
$table_prefix = 'wp_';

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
