# The Liquid tag `{% comments %}` for Jekyll 4: the comments of a page, with a copy of them in the built page.
# Copy this file to `_plugins/`. The options are under `comments` in `_config.yml`; the README has a table.

require "cgi"
require "net/http"
require "openssl"

module Commentsvc
  PATIENCE_S = 10
  NO_ANSWER = [IOError, SystemCallError, SocketError, Timeout::Error, Net::ProtocolError, Net::HTTPBadResponse,
               OpenSSL::SSL::SSLError].freeze

  class << self
    attr_accessor :service_is_away
  end

  Jekyll::Hooks.register(:site, :after_reset) { Commentsvc.service_is_away = false } # `jekyll serve` builds many times

  class Comments < Liquid::Tag
    include Jekyll::Filters::URLFilters

    def render(context)
      @context = context # absolute_url and relative_url read it
      options = options_of(context.registers[:site])
      page = context["page"]
      thread = relative_url(page["url"])
      shown = { site: options["site"], thread: thread, lang: options["lang"] || page["lang"],
                sort: options["sort"] }.compact
      attributes = shown.merge({ url: absolute_url(page["url"]), title: page["title"] }.compact)
      copy = options["copy"] == false ? "" : fetch_copy(options["service"], shown)
      hosted = "#{options["service"]}/t/#{options["site"]}?#{URI.encode_www_form(thread: thread)}"
      <<~HTML.chomp
        <script type="module" src="#{escape("#{options["service"]}/embed.js")}"></script>
        <comment-thread#{attributes.map { |name, value| " #{name}=\"#{escape(value)}\"" }.join}>#{copy}
        <noscript><a href="#{escape(hosted)}">Read and write comments</a></noscript></comment-thread>
      HTML
    end

    private

    def options_of(site)
      options = site.config["comments"] || {}
      missing = %w[service site].reject { |name| options[name] }
      return options.merge("service" => options["service"].chomp("/")) if missing.empty?

      raise Jekyll::Errors::InvalidConfigurationError, "comments: set #{missing.join(" and ")} under comments in _config.yml"
    end

    # The comments of a page as HTML without a form. A page without a copy is better than none, so that the build
    # goes on where there is no answer; it asks no more then, because each page would wait for the service.
    def fetch_copy(service, shown)
      return "" if Commentsvc.service_is_away

      address = URI("#{service}/embed/v1/comments?#{URI.encode_www_form(**shown, form: 0)}")
      answer = Net::HTTP.start(address.host, address.port, use_ssl: address.scheme == "https",
                               open_timeout: PATIENCE_S, read_timeout: PATIENCE_S) { |http| http.get(address) }
      return answer.body.force_encoding(Encoding::UTF_8) if answer.is_a?(Net::HTTPOK)

      warn(address, answer.code == "404" ? "there is no site “#{shown[:site]}”" : "status #{answer.code}")
    rescue *NO_ANSWER => e
      Commentsvc.service_is_away = true
      warn(address, "#{e.message}; this build asks for no more comments")
    end

    def warn(address, reason)
      Jekyll.logger.warn("comments:", "#{address}: #{reason}")
      ""
    end

    def escape(value)
      CGI.escapeHTML(value.to_s)
    end
  end
end

Liquid::Template.register_tag("comments", Commentsvc::Comments)
