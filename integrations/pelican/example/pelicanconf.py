SITENAME = "Field notes"
SITEURL = "https://blog.example"
DEFAULT_LANG = "en"
TIMEZONE = "UTC"
PATH = "content"
THEME = "theme"
ARTICLE_URL = ARTICLE_LANG_URL = "posts/{slug}/"
ARTICLE_SAVE_AS = ARTICLE_LANG_SAVE_AS = "posts/{slug}/index.html"
DIRECT_TEMPLATES = ["index"]
AUTHOR_SAVE_AS = CATEGORY_SAVE_AS = TAG_SAVE_AS = ""
FEED_ALL_ATOM = CATEGORY_FEED_ATOM = TRANSLATION_FEED_ATOM = None

PLUGIN_PATHS = ["../../python"]
PLUGINS = ["comments"]
COMMENTS = {"service": "https://comments.example", "site": "blog"}
