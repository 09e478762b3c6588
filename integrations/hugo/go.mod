module commentsvc/integrations/hugo

go 1.19
