<?php
// Fills the first WordPress: posts of every status and some 250 odd comments. Each has a label, which says what is odd
// about it; visitors' comments are cleaned as WordPress cleans what they send.
require __DIR__ . '/load.php';

update_option('timezone_string', 'Asia/Tokyo');
update_option('thread_comments_depth', 3);
$minute = 0;

function post(string $title, array $more = []): int
{
    global $minute;
    $gmt = gmdate('Y-m-d H:i:s', strtotime('2024-01-01T00:00:00Z') + 3600 * $minute++);
    $id = wp_insert_post(wp_slash($more + [
        'post_title' => $title,
        'post_content' => 'Words.',
        'post_status' => 'publish',
        'post_date' => get_date_from_gmt($gmt),
        'post_date_gmt' => $gmt,
        'comment_status' => 'open',
    ]), true);
    if (is_wp_error($id)) {
        fwrite(STDERR, "$title: {$id->get_error_message()}\n");
        exit(1);
    }
    return $id;
}

/** Adds a comment as a visitor's, $changes replace its fields; gives its id. */
function comment(string $label, int $post, string $content, array $changes = []): int
{
    global $minute;
    $gmt = gmdate('Y-m-d H:i:s', strtotime('2024-06-01T00:00:00Z') + 60 * $minute++);
    $fields = $changes + [
        'comment_post_ID' => $post,
        'comment_author' => 'Carol',
        'comment_author_email' => 'carol@example.org',
        'comment_author_url' => '',
        'comment_author_IP' => '192.0.2.7',
        'comment_date_gmt' => $gmt,
        'comment_content' => $content,
        'comment_approved' => '1',
        'comment_type' => 'comment',
        'comment_parent' => 0,
        'comment_agent' => 'Mozilla/5.0',
        'user_id' => 0,
    ];
    $fields += ['comment_date' => get_date_from_gmt($fields['comment_date_gmt'])];
    $id = wp_insert_comment(wp_filter_comment(wp_slash($fields)));
    add_comment_meta($id, 'label', $label);
    return $id;
}

// As for a visitor, though an administrator runs this.
remove_filter('pre_comment_content', 'wp_filter_post_kses');
add_filter('pre_comment_content', 'wp_filter_kses');

$post = post('Hello & welcome');
$texts = [
    'plain' => 'Hello there.',
    'two lines' => "One line\nand another.",
    'paragraphs' => "One paragraph.\n\nAnother one.\n\n\nA third.",
    'spaces' => "Two  spaces,  and   three.\n\n  Indented.",
    'Windows newlines' => "One\r\nTwo\r\n\r\nThree",
    'angle brackets' => 'if (a < b && c > d) return a<b;',
    'ampersands' => 'Tom & Jerry &amp; Spike &copy; R&D AT&T',
    'quotes' => "It's \"quoted\" — 'so' to speak…",
    'emphasis' => '<strong>Strong</strong>, <em>emphasised</em>, <b>bold</b>, <i>italic</i> and <em><strong>both</strong></em>.',
    'strike' => 'This is <strike>struck</strike>, <s>wrong</s> and <del datetime="2024-01-01T00:00:00+00:00">deleted</del>.',
    'quote' => "<blockquote>What you said</blockquote>\nI disagree.",
    'quote with source' => "<blockquote cite=\"https://example.org/book\">From a book</blockquote>\n\n<cite>A book</cite>, <q cite=\"https://example.org\">a quote</q>",
    'quote of paragraphs' => "<blockquote>One.\n\nTwo.</blockquote>\nAn answer.",
    'abbreviation' => 'The <abbr title="World Wide Web">WWW</abbr> and <acronym title="HyperText">HTML</acronym>.',
    'code' => 'Use <code>SELECT * FROM wp_posts WHERE a &lt; b</code> here.',
    'code of lines' => "<code>for (;;) {\n    run();\n}</code>",
    'Markdown' => "# No heading\n\n* no list\n* 5*3*2 = 30 and snake_case_name\n\n> no quote\n\n    no code",
    'link' => 'See <a href="https://example.org/?a=1&amp;b=2" title="A &quot;title&quot;">this page</a>.',
    'link in new window' => '<a href="https://example.org/x" target="_blank" class="y">this</a> and <a href="/relative">that</a>',
    'bare address' => 'See https://example.org/a?b=1&c=2#d, or (https://example.org/e_(f)) and www.example.org.',
    'bare address with copy' => 'https://example.org/?a=1&copy=2&lang=en&para=3',
    'mail address' => 'Write to carol@example.org or <a href="mailto:carol@example.org">here</a>.',
    'Japanese' => 'これは日本語のコメントです。改行も\nあります。「引用」',
    'Arabic' => "مرحبا بالعالم\n\nنص عربي مع English داخله.",
    'Hebrew' => 'שלום עולם',
    'Hindi' => 'नमस्ते दुनिया, क्षत्रिय',
    'Russian' => 'Привет, мир! Ёлка и ещё «кавычки».',
    'accents' => "Zażółć gęślą jaźń, Ørsted, naïve, e\u{301} is decomposed",
    'emoji' => '👍🏽 👩‍👩‍👧‍👦 🇯🇵 ❤️ 🙂',
    'smilies' => ':) ;-) :mrgreen: 8-O',
    'supplementary plane' => '𝕳𝖊𝖑𝖑𝖔 𠮷野家',
    'invisible characters' => "zero\u{200B}width, soft\u{AD}hyphen, right\u{202E}to left, nbsp\u{A0}here",
    'line separators' => "one\u{2028}two\u{2029}three",
    'tab' => "a\tb\tc",
    'script' => '<script>alert(1)</script> and <img src=x onerror=alert(1)>',
    'unknown tag' => 'Write to <your-name> or <em>close me',
    'comment of HTML' => 'before <!-- hidden --> after',
    'CDATA' => 'a ]]> b <![CDATA[ c ]]> d',
    'shortcode' => '[gallery ids="1,2"] and [caption]x[/caption]',
    'references' => '&lt;b&gt; &#8217; &hellip; &nbsp; &amp;lt; &notanentity; &#0; &#x1F600;',
    'backslashes' => 'C:\\new\\table \\\\server \\"quoted\\" \\\' \\0',
    'percent' => '100 % of %s and %d, {braces} ${dollar} `backticks`',
    'one character' => 'k',
    'a zero' => '0',
    'long word' => str_repeat('abcdefghij', 120),
    'long' => trim(str_repeat("A sentence of ten words that goes on and on.\n", 400)),
    'many paragraphs' => implode("\n\n", array_map(fn ($n) => "Paragraph $n.", range(1, 60))),
    'many links' => implode(' ', array_map(fn ($n) => "<a href=\"https://example.org/$n\">$n</a>", range(1, 40))),
    'nested quotes' => str_repeat('<blockquote>deeper ', 8) . 'end' . str_repeat('</blockquote>', 8),
    'tags across paragraphs' => "<strong>bold\n\nstill bold</strong> and <em>a\nb</em>",
];
foreach ($texts as $label => $text) {
    comment("text: $label", $post, $text);
}

// What people who may write any HTML, and plugins, have stored.
remove_filter('pre_comment_content', 'wp_filter_kses');
$html = [
    'list' => "Things:\n<ul>\n<li>one</li>\n<li>two\n<ul><li>inner</li></ul></li>\n</ul>\nEnd.",
    'numbered list' => "<ol start=\"3\"><li>three</li><li>four</li></ol>",
    'preformatted' => "Look:\n<pre>\n  indented\n\n    more &lt;b&gt;\n</pre>\ndone",
    'preformatted code' => "<pre><code class=\"language-php\">if (\$a &amp;&amp; \$b) {\n\n}\n</code></pre>",
    'paragraph tags' => "<p>One</p><p>Two<br>lines<br />three</p>",
    'divs' => "<div>One</div><div>Two</div><span style=\"color:red\">red</span>",
    'heading' => "<h2>Heading</h2>\nWords",
    'table' => '<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>',
    'image' => 'See <img src="https://example.org/cat.png" alt="a cat" width="1"> there',
    'iframe' => 'before <iframe src="https://example.org/video"></iframe> after',
    'rule' => "above\n<hr>\nbelow",
    'sub and sup' => 'H<sub>2</sub>O and x<sup>2</sup>',
    'underline and small' => '<u>under</u>, <small>small</small>, <mark>marked</mark>, <ins>added</ins>, <kbd>Ctrl</kbd>',
];
foreach ($html as $label => $text) {
    comment("HTML: $label", $post, $text);
}
add_filter('pre_comment_content', 'wp_filter_kses');

$authors = [
    'ampersand' => ['comment_author' => 'Tom & Jerry'],
    'angle brackets' => ['comment_author' => 'a < b > c'],
    'quotes' => ['comment_author' => "O'Brien \"Bob\" McX"],
    'backslash' => ['comment_author' => 'back\\slash'],
    'Japanese' => ['comment_author' => '山田 太郎'],
    'Arabic' => ['comment_author' => 'محمد'],
    'emoji' => ['comment_author' => 'Zoë 🙂'],
    'long' => ['comment_author' => str_repeat('Long Name ', 12)],
    'longer than ours' => ['comment_author' => str_repeat('Name ', 48)],
    'none' => ['comment_author' => '', 'comment_author_email' => ''],
    'no address' => ['comment_author_email' => ''],
    'capitals in address' => ['comment_author_email' => 'Carol.Smith+Tag@Example.ORG'],
    'address that is none' => ['comment_author_email' => 'not-an-address@localhost'],
    'website' => ['comment_author_url' => 'https://example.org/~carol/?a=1&b=2#top'],
    'website with copy' => ['comment_author_url' => 'https://example.org/?a=1&copy=2'],
    'website without scheme' => ['comment_author_url' => 'example.org'],
    'website in Japanese' => ['comment_author_url' => 'https://例え.jp/日本語'],
    'website that is none' => ['comment_author_url' => 'http://not a website'],
    'long website' => ['comment_author_url' => 'https://example.org/' . str_repeat('x', 170)],
    'no network address' => ['comment_author_IP' => ''],
    'IPv6' => ['comment_author_IP' => '2001:db8::1'],
];
foreach ($authors as $label => $changes) {
    comment("author: $label", $post, "Written by $label.", $changes);
}
// Written past WordPress's own filters, by a plugin.
$id = comment('author: website with a bare &', $post, 'A plugin wrote my website.');
$wpdb->update($wpdb->comments, ['comment_author_url' => 'https://example.org/?a=1&b=2'], ['comment_ID' => $id]);

foreach (['subscriber', 'author', 'administrator'] as $role) {
    $user = wp_insert_user(['user_login' => $role . '1', 'user_pass' => 'x', 'role' => $role,
        'user_email' => "$role@example.org", 'display_name' => ucfirst($role)]);
    comment("user: $role", $post, "I am registered as $role.", ['user_id' => $user, 'comment_author' => ucfirst($role),
        'comment_author_email' => "$role@example.org"]);
}

// Replies: deep, in every status, below every status, older than their parents.
$post = post('Replies');
$parent = 0;
for ($depth = 1; $depth <= 15; $depth++) {
    $parent = comment("depth: $depth", $post, "At depth $depth.", ['comment_parent' => $parent]);
}
foreach (['1', '0', 'spam', 'trash'] as $above) {
    $parent = comment("status: $above", $post, "This is $above.", ['comment_approved' => $above]);
    foreach (['1', '0', 'spam', 'trash'] as $below) {
        comment("status: $below below $above", $post, "A reply that is $below.",
            ['comment_approved' => $below, 'comment_parent' => $parent]);
    }
}
comment('trash of a post', $post, 'My post was in the trash.', ['comment_approved' => 'post-trashed']);
$parent = comment('older reply: parent', $post, 'I am younger than my reply.');
comment('older reply', $post, 'I am older than my parent.',
    ['comment_parent' => $parent, 'comment_date_gmt' => '2020-01-01 00:00:00']);
$reply = comment('reply with a lower id', $post, 'My parent was added after me.');
$parent = comment('parent with a higher id', $post, 'My reply was added before me.');
$wpdb->update($wpdb->comments, ['comment_parent' => $parent], ['comment_ID' => $reply]);
$top = comment('parent of a chain from below', $post, 'The chain below me is numbered upside down.');
$wpdb->update($wpdb->comments, ['comment_parent' => $top], ['comment_ID' => $parent]);
comment('reply to nothing', $post, 'My parent was deleted.', ['comment_parent' => 987654]);
foreach (range(1, 30) as $n) {
    comment("same moment $n", $post, "Number $n of one moment.", ['comment_date_gmt' => '2024-07-01 00:00:00']);
}
$first = comment('same words 1', $post, 'Same words.', ['comment_date_gmt' => '2024-07-02 00:00:00']);
comment('same words 2', $post, 'Same words.', ['comment_date_gmt' => '2024-07-02 00:00:00', 'comment_parent' => $first]);
comment('pingback', $post, '[...] quoted you [...]', ['comment_type' => 'pingback', 'comment_author' => 'Another blog',
    'comment_author_email' => '', 'comment_author_url' => 'https://other.example/post/']);
comment('trackback', $post, '<strong>Title</strong> an excerpt', ['comment_type' => 'trackback',
    'comment_author' => 'Other & blog', 'comment_author_email' => '', 'comment_author_url' => 'https://other.example/2/']);
comment('pending pingback', $post, 'quoted you too', ['comment_type' => 'pingback', 'comment_approved' => '0',
    'comment_author' => 'Third', 'comment_author_email' => '']);
comment('type of a plugin', $post, 'Five stars.', ['comment_type' => 'review']);
comment('no type', $post, 'From before WordPress 5.5.', ['comment_type' => '']);
comment('no text', $post, '');
comment('no text, in the trash', $post, '', ['comment_approved' => 'trash']);
comment('year 1999', $post, 'Old.', ['comment_date_gmt' => '1999-12-31 23:59:59']);
$id = comment('no date in GMT', $post, 'My GMT date was lost.');
$wpdb->update($wpdb->comments, ['comment_date_gmt' => '0000-00-00 00:00:00'], ['comment_ID' => $id]);
comment('future', $post, 'From the future.', ['comment_date_gmt' => '2090-01-01 00:00:00']);

// Posts and pages of every kind; two visible comments each, and a reply.
$same = ['post_date' => '2024-03-03 12:00:00', 'post_date_gmt' => '2024-03-03 03:00:00'];
$pages = [
    'page' => ['About', ['post_type' => 'page']],
    'same title 1' => ['Same title', $same],
    'same title 2' => ['Same title', $same],
    'same title in capitals' => ['SAME TITLE', $same],
    'same title with accents' => ['Samé titlé', $same],
    'page of the same title' => ['Same title', $same + ['post_type' => 'page']],
    'Japanese title' => ['日本語の投稿', []],
    'title with HTML' => ['A <em>title</em> &amp; more &lt;x&gt;', []],
    'no title' => ['', []],
    'a zero as title' => ['0', []],
    'quotes in title' => ["It's \"quoted\"", []],
    'closed' => ['Closed', ['comment_status' => 'closed']],
    'long title' => [str_repeat('Long title ', 40), []],
    'private' => ['Private', ['post_status' => 'private']],
    'draft' => ['Draft', ['post_status' => 'draft']],
    'pending post' => ['Pending', ['post_status' => 'pending']],
    'scheduled' => ['Scheduled', ['post_status' => 'future', 'post_date' => '2090-01-01 00:00:00',
        'post_date_gmt' => '2089-12-31 15:00:00']],
    'password' => ['Password', ['post_password' => 'secret']],
    'post in the trash' => ['Trash', ['post_status' => 'trash']],
    'attachment' => ['Picture', ['post_type' => 'attachment', 'post_status' => 'inherit',
        'post_mime_type' => 'image/png']],
];
foreach ($pages as $label => [$title, $more]) {
    $post = post($title, $more);
    $first = comment("page: $label", $post, "On the page “{$label}”.");
    comment("page: $label, reply", $post, 'A reply there.', ['comment_parent' => $first]);
    comment("page: $label, pending", $post, 'It waits there.', ['comment_approved' => '0']);
}
$parent = post('Parent page', ['post_type' => 'page']);
$child = post('Child page', ['post_type' => 'page', 'post_parent' => $parent]);
comment('page: child page', $child, 'On a page below another.');

echo $wpdb->get_var("SELECT COUNT(*) FROM $wpdb->comments");
