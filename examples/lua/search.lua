-- SPDX-License-Identifier: Apache-2.0
-- A search of one's own: step to the best neighbouring schedule until none is better. On a GPU a
-- schedule costs the time it takes; without one, what a simple model says, which shows how a search
-- is written but is no substitute for measuring.
--
-- usage: stile lua examples/lua/search.lua SPEC [MxKxN] [OUT.yaml]

local path, size, out = arg[1], arg[2], arg[3]
if not path then
  io.stderr:write("usage: stile lua search.lua SPEC [MxKxN] [OUT.yaml]\n")
  os.exit(2, true)
end

local base = stile.load(path):variants()[1]
local shape = base.shapes[1]
if size then
  local M, K, N = size:match("^(%d+)x(%d+)x(%d+)$")
  shape = M and {M = tonumber(M), K = tonumber(K), N = tonumber(N)}
    or error(size .. " is not MxKxN")
end

local context = stile.context{device = "auto"}
local arch = context.arch or "sm_90a"

-- Time in no unit: rounds of thread blocks over 132 multiprocessors, each as long as its block is
-- large, with more traffic per element the smaller the block, and stalls with few stages.
local function model(variant)
  local numbers = variant:explain(shape)
  local block, stages = variant.schedule.block, variant.schedule.stages
  local blocks = math.ceil(numbers.tile_rows / block[1])
    * math.ceil(numbers.tile_columns / block[2]) * variant.basis.rank
  local rounds = math.ceil(blocks / 132)
  return rounds * (block[1] * block[2] + 96 * (block[1] + block[2])) * (1 + 0.3 / stages)
end

local function measure(variant)
  return variant:bench{
    context = context, M = shape.M, K = shape.K, N = shape.N, dense = false, warmup = 0.2,
    iterations = 30,
  }.ms.median
end

local cost = context.device == "cpu" and model or measure

-- A schedule is {m, n, k, stages}. Evaluates each once; what does not fit costs nothing to refuse.
local seen, tried = {}, 0

local function evaluate(s)
  local key = table.concat(s, " ")
  if seen[key] == nil then
    seen[key] = false
    local made, variant = pcall(base.override, base, {
      ["schedule.block"] = {s[1], s[2], s[3]}, ["schedule.stages"] = s[4],
    })
    if made and not variant:refusal{arch = arch} then
      tried = tried + 1
      seen[key] = {cost = cost(variant), variant = variant, schedule = s}
      print(string.format("%12.5g  %s", seen[key].cost, key))
    end
  end
  return seen[key]
end

local function neighbours(s)
  local list = {}
  for i = 1, 4 do
    for _, value in ipairs(i < 4 and {s[i] // 2, s[i] * 2} or {s[i] - 1, s[i] + 1}) do
      local next = {table.unpack(s)}
      next[i] = value
      list[#list + 1] = next
    end
  end
  return list
end

local best = evaluate{128, 128, 64, 3} or evaluate{64, 64, 32, 3}
  or error("no schedule to start from")
repeat
  local from = best
  for _, schedule in ipairs(neighbours(from.schedule)) do
    local found = evaluate(schedule)
    if found and found.cost < best.cost then
      best = found
    end
  end
until best == from

print(string.format("best of %d schedules: block [%d, %d, %d], stages %d", tried,
                    table.unpack(best.schedule)))
if out then
  best.variant:override{name = base.name:match("^[^/]+") .. "_tuned"}:write(out)
  print("wrote " .. out)
end
