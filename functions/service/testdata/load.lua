-- What wrk asks, and what every answer must be: the arguments after -- are the
-- file with the body, the expected answer, and the bearer token. At the end it
-- prints, on one line, what wrk counted.

local wanted, wrong, sample = nil, 0, ""
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  wanted = args[2]
  wrk.headers["Content-Type"] = "application/json"
  wrk.headers["Authorization"] = "Bearer " .. args[3]
  wrong_answers, wrong_sample = 0, ""
end

function response(status, headers, body)
  if status ~= 200 or body ~= wanted then
    wrong_answers = wrong_answers + 1
    wrong_sample = status .. " " .. body
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  for _, thread in ipairs(threads) do
    wrong = wrong + thread:get("wrong_answers")
    if thread:get("wrong_sample") ~= "" then sample = thread:get("wrong_sample") end
  end
  print(string.format("COUNTED requests=%d connect=%d read=%d write=%d status=%d timeout=%d wrong=%d sample=%s",
    summary.requests, e.connect, e.read, e.write, e.status, e.timeout, wrong, sample))
end
