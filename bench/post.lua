-- A guest's comment, each of somebody new, spread over two hundred threads.
local n = 0
local me = math.random(1, 1000000000)
math.randomseed(os.time() * 1000 + me)
me = math.random(1, 1000000000)
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
function request()
  n = n + 1
  local who = me .. "-" .. n
  local body = string.format(
    '{"site":"blog","thread":"/writes-%d","body":"Words of **%s**, enough of them to be a comment that somebody may have written after reading the whole post twice.","author":{"name":"Guest %s","email":"g%s@example.org"}}',
    n % 200, who, who, who)
  wrk.headers["Idempotency-Key"] = who
  return wrk.format(nil, "/api/v1/comments", nil, body)
end
