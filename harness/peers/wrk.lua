-- Requests as an AWS SDK makes them, over KEYS different resources; with KEYS=0 no resource is named twice. The last line is what was measured, as JSON.
local keys, operation, date = tonumber(os.getenv("KEYS")), os.getenv("OPERATION"), os.getenv("AMZ_DATE")
local number = tonumber(os.getenv("FIRST"))
local scope = date:sub(1, 8) .. "/us-east-1/test/aws4_request"
local headers = {
  ["Host"] = "test.us-east-1.amazonaws.com",
  ["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8",
  ["User-Agent"] = "aws-sdk-java/1.12.261 Linux/5.10 OpenJDK_64-Bit_Server_VM/17.0.15 cfg/retry-mode/legacy, spinnaker",
  ["X-Amz-Date"] = date,
  ["X-Amz-Security-Token"] = string.rep("IQoJb3JpZ2luX2VjEBenchmark", 30),
  ["amz-sdk-invocation-id"] = "0b6f8a2c-7b0e-4a55-9a8d-5f0f4d4f2f10",
  ["amz-sdk-request"] = "attempt=1;max=4",
  ["Authorization"] = "AWS4-HMAC-SHA256 Credential=ASIATESTTESTTESTTEST/" .. scope ..
    ", SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;host;user-agent;x-amz-date;x-amz-security-token, Signature=" .. string.rep("0f", 32),
}

local function make(i)
  local body = string.format("Action=%s&Version=2020-01-01&PartId=p-%016x", operation, i)
  return wrk.format("POST", "http://test.us-east-1.amazonaws.com/", headers, body)
end

local requests = {}
function init()
  for i = 1, keys do requests[i] = make(i) end
  math.randomseed(7)
end

-- Each once, in order, so that all are known; then at random.
function request()
  number = number + 1
  if keys == 0 then return make(number) end
  return requests[number <= keys and number or math.random(keys)]
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format('{"requests":%d,"failed":%d,"p50_us":%d,"p99_us":%d}\n', summary.requests, failed, latency:percentile(50), latency:percentile(99)))
end
