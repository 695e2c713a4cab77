-- SPDX-License-Identifier: Apache-2.0
-- Whatever a script passes, stile answers or raises, and never crashes: every function, method and
-- field with random arguments, while the garbage collector runs.
-- usage: stile lua tests/lua/fuzz.lua FOLDER [COUNT [SEED]]
local folder, count, seed = arg[1], tonumber(arg[2] or 3000), tonumber(arg[3] or os.time())
math.randomseed(seed)
io.stderr:write("seed ", seed, "\n")

local words = {
  "", "x", "strassen", "cpu", "sm_90a", "sm_80", "rows", "basis", "name", "M", "K", "N", "U", "tile",
  "rank", "context", "seed", "random", "arch", "\0", "a\0b", "\xff\xfe", "%s%n", "specs",
  "specs/strassen.yaml", "specs/bases/causal_222_6.yaml", "precision.input", "schedule",
  "stile: 1\nname: a\nbasis: {name: strassen}", "{[", string.rep("x", 9000),
}
local numbers = {0, 1, -1, 2, 3, 7, 1.5, 0 / 0, 1 / 0, 2^53, math.maxinteger, math.mininteger}
local cycle = {}
cycle.cycle, cycle[1] = cycle, cycle
local deep = {}
for _ = 1, 100 do
  deep = {deep}
end

local spec = stile.load("specs/ffn_up.yaml")
local context = stile.context{device = "cpu", threads = 1}

local function objects()
  return {
    spec, spec:variants()[math.random(4)], stile.basis("winograd"), context,
    context:plan(spec:variants()[1], {M = 3, K = 3, N = 3}), io.stdout,
    coroutine.create(print), stile.context{device = "cpu"},
  }
end

local value

local function table_of(depth)
  local t = {}
  for _ = 1, math.random(0, 4) do
    local key = math.random(4) == 1 and math.random(3) or words[math.random(#words)]
    t[key] = value(depth + 1)
  end
  return t
end

function value(depth)
  local kind = math.random(12)
  if kind <= 3 then
    return words[math.random(#words)]
  elseif kind <= 5 then
    return numbers[math.random(#numbers)]
  elseif kind == 6 then
    return math.random(2) == 1
  elseif kind == 7 then
    return nil
  elseif kind == 8 then
    return function() return value(3) end
  elseif kind == 9 then
    local list = objects()
    return list[math.random(#list)]
  elseif kind == 10 then
    return ({cycle, deep, setmetatable({}, {__index = error, __len = error})})[math.random(3)]
  elseif depth > 3 then
    return {}
  end
  return table_of(depth)
end

-- What may be called: by name on a fresh object, so that nothing else has to know the API.
local members = {
  "name", "directory", "basis", "rows", "precision", "weight", "epilogue", "schedule", "shapes",
  "table", "yaml", "write", "explain", "refusal", "generate", "compile", "verify", "override",
  "variant", "variants", "metrics", "source", "tile", "rank", "U", "V", "D", "plan", "device",
  "arch", "threads", "workspace_size", "weight_size", "kernels", "close", "bench",
  "sum", "rotate", "transpose", "cycle", "drop", "merge", "balance", "polish",
}
local functions = {
  "load", "parse", "spec", "diagnose", "basis", "kron", "basis_names", "context", "version",
  "enumerate",
}

local raised = 0

local function call(f, ...)
  local arguments = table.pack(...)
  for _ = 1, math.random(0, 3) do
    arguments.n = arguments.n + 1
    arguments[arguments.n] = value(0)
  end
  local ok, message = pcall(f, table.unpack(arguments, 1, arguments.n))
  if not ok then
    raised = raised + 1
    assert(message ~= nil)
  end
end

local function use_object()
  local list = objects()
  local object = list[math.random(5)]
  local member = members[math.random(#members)]
  local ok, f = pcall(function() return object[member] end)
  if not ok or type(f) ~= "function" then
    return
  end
  if member == "close" then
    if object ~= spec and object ~= context then
      object:close()
    end
  elseif member == "write" then
    call(f, object, folder .. "/fuzz.yaml")
  else
    call(f, math.random(20) == 1 and value(0) or object)
  end
end

for i = 1, count do
  if math.random(2) == 1 then
    call(stile[functions[math.random(#functions)]])
  else
    use_object()
  end
  if i % 50 == 0 then
    collectgarbage()
  end
end

-- Forged metatables and finalizers called by hand.
local meta = debug.getmetatable(spec)
for _, forged in ipairs{io.stdout, cycle} do
  local old = debug.getmetatable(forged)
  debug.setmetatable(forged, meta)
  assert(not pcall(function() return forged.name end))
  assert(not pcall(tostring, forged))
  pcall(meta.__gc, forged)
  debug.setmetatable(forged, old)
end
local victim = stile.basis("strassen")
debug.getmetatable(victim).__gc(victim)
debug.getmetatable(victim).__gc(victim)
assert(not pcall(function() return victim.rank end))
print(string.format("%d calls, %d raised, seed %d", count, raised, seed))
