-- Asks for the paths of a file (one a line) in turn; each thread starts at a place of its own in the list.
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  requests = {}
  wrk.headers["Host"] = wrk.host .. ":" .. wrk.port
  for path in io.lines(args[1]) do requests[#requests + 1] = wrk.format("GET", path) end
  at = math.floor(#requests / 2) * number
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    'RESULT {"requests": %d, "duration_us": %d, "errors": %d, "mean_us": %.1f, "p50_us": %.1f, "p99_us": %.1f}\n',
    summary.requests, summary.duration, failed, latency.mean, latency:percentile(50), latency:percentile(99)))
end
