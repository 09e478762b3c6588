"""Parts of a WordPress export file (WXR), for tests that make one."""

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:wp="http://wordpress.org/export/1.2/"><channel>
<wp:base_blog_url>{base}</wp:base_blog_url>
"""


def comment_xml(number, parent=0, **changes):
    fields = {**COMMENT, "comment_id": number, "comment_parent": parent, **changes}
    return "<wp:comment>" + "".join(f"<wp:{k}><![CDATA[{v}]]></wp:{k}>" for k, v in fields.items()) + "</wp:comment>"


def item_xml(*written, path="/post/", base="https://old.example", title="A post", **fields):
    named = "".join(f"<wp:{k}>{v}</wp:{k}>" for k, v in fields.items())
    return f"<item><title>{title}</title><link>{base}{path}</link>{named}\n" + "\n".join(written) + "</item>"


COMMENT = {
    "comment_id": "1",
    "comment_author": "Carol",
    "comment_author_email": "carol@example.org",
    "comment_author_IP": "192.0.2.1",
    "comment_date_gmt": "2026-01-02 03:04:05",
    "comment_content": "Hello",
    "comment_approved": "1",
    "comment_type": "comment",
    "comment_parent": "0",
}
