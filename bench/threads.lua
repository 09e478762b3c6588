-- The requests of a file, one path a line, in turn; BENCH_PATHS names the file.
local requests, n = {}, 0
for path in io.lines(os.getenv("BENCH_PATHS")) do
  requests[#requests + 1] = path
end
function request()
  n = n % #requests + 1
  return wrk.format(nil, requests[n])
end
