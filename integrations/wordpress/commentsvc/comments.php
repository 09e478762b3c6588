<?php
// Replaces the comments.php of a classic theme.

defined('ABSPATH') || exit;

if (commentsvc_has_thread()) {
    echo commentsvc_element(get_post());
}
