<?php
// Requests to the service. Pages are never held up for long, and never lose what was known when the service is away.

defined('ABSPATH') || exit;

const COMMENTSVC_FRESH_S = 5 * MINUTE_IN_SECONDS;
const COMMENTSVC_RETRY_S = MINUTE_IN_SECONDS; // after a request that failed
const COMMENTSVC_TIMEOUT_S = 3;

/**
 * The body of an answer with status 200; null for anything else.
 *
 * $query may have a list as a value: `thread=…&thread=…`.
 */
function commentsvc_get(string $path, array $query): ?string
{
    $answer = wp_remote_get(commentsvc_url($path, $query), ['timeout' => COMMENTSVC_TIMEOUT_S]);
    return wp_remote_retrieve_response_code($answer) === 200 ? wp_remote_retrieve_body($answer) : null;
}

function commentsvc_url(string $path, array $query): string
{
    $parts = [];
    foreach ($query as $name => $values) {
        foreach ((array) $values as $value) {
            $parts[] = $name . '=' . rawurlencode($value);
        }
    }
    return commentsvc_settings()['service'] . $path . ($parts ? '?' . implode('&', $parts) : '');
}

/** The thread of a post: path and query of its permalink, from which the service makes the key, as its import does. */
function commentsvc_thread(WP_Post $post): string
{
    return '/' . ltrim(preg_replace('~^https?://[^/?#]*~i', '', get_permalink($post)), '/');
}

/** What is known about a post under $name ('copy' or 'count'): [the value, when it is asked for again]. */
function commentsvc_known(string $name, WP_Post $post): ?array
{
    $known = get_transient(commentsvc_transient($name, $post));
    return is_array($known) ? $known : null;
}

/** Keeps an answer; one that failed (null) keeps what was known, and is asked for again soon. */
function commentsvc_keep(string $name, WP_Post $post, $value)
{
    $until = time() + ($value === null ? COMMENTSVC_RETRY_S : COMMENTSVC_FRESH_S);
    $value = $value ?? (commentsvc_known($name, $post)[0] ?? null);
    set_transient(commentsvc_transient($name, $post), [$value, $until], WEEK_IN_SECONDS);
    return $value;
}

/** Names of transients end at 172 characters; another service, site, order or address is another transient. */
function commentsvc_transient(string $name, WP_Post $post): string
{
    return 'commentsvc_' . md5(wp_json_encode([$name, commentsvc_settings(), commentsvc_thread($post)]));
}

/** The comments of a post as HTML, cleaned by the service; '' if they are not known. */
function commentsvc_copy(WP_Post $post): string
{
    $known = commentsvc_known('copy', $post);
    if ($known !== null && $known[1] > time()) {
        return (string) $known[0];
    }
    $settings = commentsvc_settings();
    $query = ['site' => $settings['site'], 'thread' => commentsvc_thread($post), 'form' => '0'];
    $query += ['sort' => $settings['sort'], 'lang' => commentsvc_language()];
    return (string) commentsvc_keep('copy', $post, commentsvc_get('/embed/v1/comments', $query));
}

function commentsvc_language(): string
{
    return commentsvc_settings()['lang'] ?: get_bloginfo('language');
}

/** Asks for the counts of all posts that need one, in one request. */
function commentsvc_load_counts(array $posts): void
{
    $asked = [];
    foreach ($posts as $post) {
        $known = commentsvc_known('count', $post);
        if ($known === null || $known[1] <= time()) {
            $asked[commentsvc_thread($post)] = $post;
        }
    }
    foreach (array_chunk($asked, 50, true) as $some) {
        $threads = array_keys($some);
        $body = commentsvc_get('/api/v1/counts', ['site' => commentsvc_settings()['site'], 'thread' => $threads]);
        $counts = $body === null ? [] : (json_decode($body, true)['counts'] ?? []);
        foreach ($some as $thread => $post) {
            commentsvc_keep('count', $post, $counts[$thread] ?? null);
        }
    }
}

function commentsvc_count(WP_Post $post): int
{
    commentsvc_load_counts([$post]);
    return (int) (commentsvc_known('count', $post)[0] ?? 0);
}
