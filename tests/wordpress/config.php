<?php
// Constants of a WordPress of these tests, which its own wp-config.php would define. Settings: WORDPRESS_DATABASE,
// WORDPRESS_SOCKET (of MariaDB), WORDPRESS_URL, WORDPRESS_UNFILTERED (1: administrators may write any HTML, as those of a
// single site may; 0: as those of a network of sites may not).

$url = getenv('WORDPRESS_URL');
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
