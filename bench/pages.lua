-- Each request another page: pages of one long thread by their sizes and orders, so that none is in memory yet,
-- nor when it is run again.
local n = os.time() * 1000
local sorts = {"oldest", "newest", "top"}
function request()
  n = n + 1
  local limit = n % 100 + 1
  local sort = sorts[math.floor(n / 100) % 3 + 1]
  return wrk.format(nil, "/embed/v1/comments?site=blog&thread=/full&limit=" .. limit .. "&sort=" .. sort .. "&about=" .. n)
end
