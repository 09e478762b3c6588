<?php
// WordPress's own export: Tools → Export → All content.
require __DIR__ . '/load.php';
require_once ABSPATH . 'wp-admin/includes/export.php';

export_wp(['content' => 'all']);
