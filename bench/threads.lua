-- A page of another thread each time, in turn; BENCH_QUERIES names them, one query after the other.
local paths, n = {}, 0
for query in string.gmatch(os.getenv("BENCH_QUERIES"), "[^,]+") do
  paths[#paths + 1] = "/embed/v1/comments?limit=10&" .. query
end
function request()
  n = n % #paths + 1
  return wrk.format(nil, paths[n])
end
