-- SPDX-License-Identifier: Apache-2.0
-- Which variant of a spec is the fastest? Enumerates tiles, bases, precisions and blocks, drops
-- what cannot fit, verifies the rest and, on a GPU, times it against cuBLAS. Prints a table and
-- writes the winner as a spec. Without a GPU the reference on the CPU is verified, and the order is
-- that of the limits.
--
-- usage: stile lua examples/lua/variants.lua SPEC [key=value...]
--   device=auto   auto, cpu, cuda, cuda:1 ...
--   arch=sm_90a   what must fit; on a GPU its own
--   shape=MxKxN   what is timed; default: the spec's first shape
--   out=FILE      where the winner goes; default best.yaml
--   keep=COUNT    at most this many variants, for a quick look

local function usage(message)
  io.stderr:write(message, "\nusage: stile lua variants.lua SPEC [device=auto] [arch=sm_90a] ",
                  "[shape=MxKxN] [out=best.yaml] [keep=COUNT]\n")
  os.exit(2, true)
end

local options = {device = "auto", arch = "sm_90a", shape = "", out = "best.yaml", keep = "1000"}
for i = 2, #arg do
  local key, value = arg[i]:match("^(%w+)=(.*)$")
  if not key or not options[key] then
    usage("unknown option " .. arg[i])
  end
  options[key] = value
end
if not arg[1] then
  usage("which spec?")
end

-- The axes; the last one varies fastest.
local axes = {
  {"basis", {
    {name = "strassen"},
    {name = "winograd"},
    {name = "laderman"},                       -- 3x3x3
    {kron = {"strassen", "strassen"}},         -- 4x4x4
    {random = {tile = {4, 4, 4}, rank = 24}},  -- to be trained
  }},
  {"precision.encoded", {"bf16", "f16"}},
  {"schedule.block", {{128, 256, 64}, {128, 128, 64}, {256, 128, 64}, {512, 128, 64}}},
  {"schedule.stages", {3, 6}},
}

local base = stile.load(arg[1]):variants()[1]
local context = stile.context{device = options.device}
local gpu = context.device ~= "cpu"
local arch = gpu and context.arch or options.arch

local shape
if options.shape ~= "" then
  local M, K, N = options.shape:match("^(%d+)x(%d+)x(%d+)$")
  shape = M and {M = tonumber(M), K = tonumber(K), N = tonumber(N)}
    or usage("shape=" .. options.shape .. " is not MxKxN")
else
  shape = base.shapes[1] or usage(arg[1] .. " names no shapes: give shape=MxKxN")
end

-- Drop what the generator refuses: too much shared memory, blocks that do not divide ...
local candidates, reasons, dropped = {}, {}, {}
for settings in stile.enumerate(axes) do
  local variant = base:override(settings)
  local refusal = variant:refusal{arch = arch}
  if refusal then
    refusal = refusal:gsub("^" .. variant.name:gsub("%p", "%%%0") .. ": ", "")
    if not dropped[refusal] then
      reasons[#reasons + 1] = refusal
    end
    dropped[refusal] = (dropped[refusal] or 0) + 1
  elseif #candidates < tonumber(options.keep) then
    candidates[#candidates + 1] = variant
  end
end
for _, reason in ipairs(reasons) do
  print(string.format("%d dropped: %s", dropped[reason], reason))
end
print(string.format("%d variants are left; verifying on %s", #candidates, context.name))

-- Verify. A small problem with tails says as much as a large one.
local rows = {}
for _, variant in ipairs(candidates) do
  local tile = variant.basis.tile
  local result = variant:verify{
    context = context, M = 9 * tile[1] + 1, K = 8 * tile[2] + 3, N = 10 * tile[3] + 1,
  }
  local numbers = variant:explain(shape)
  local row = {variant = variant, limit = numbers.limit, error = numbers.error}
  if not result.ok then
    print("FAIL  " .. variant.name)
  elseif gpu then
    local bench = variant:bench{
      context = context, M = shape.M, K = shape.K, N = shape.N, warmup = 0.3, iterations = 30,
    }
    row.ms, row.ratio = bench.ms.median, bench.ratio
    row.score = bench.ms.median
  else
    row.score = -numbers.limit
  end
  rows[#rows + 1] = row.score and row or nil
end
if #rows == 0 then
  error("no variant is left")
end

-- The best first; equals in the order of enumeration.
for i, row in ipairs(rows) do
  row.order = i
end
table.sort(rows, function(a, b)
  if a.score ~= b.score then
    return a.score < b.score
  end
  return a.order < b.order
end)

print(string.format("%10s %8s %7s %7s  %s", "ms", "x dense", "limit", "error", "variant"))
for _, row in ipairs(rows) do
  print(string.format("%10s %8s %7.3f %7.3f  %s", row.ms and string.format("%.4f", row.ms) or "-",
                      row.ratio and string.format("%.3f", row.ratio) or "-", row.limit, row.error,
                      row.variant.name:match("/(.*)")))
end

-- A name makes a plain spec of the winner, without a variants section.
local winner = rows[1].variant:override{
  name = base.name:match("^[^/]+") .. "_best", shapes = {shape},
}
winner:write(options.out)
print("wrote " .. options.out .. ": " .. winner.name)

-- Compiling needs NVRTC, but no GPU.
local compiled, kernels = pcall(winner.compile, winner, {arch = arch})
if compiled then
  for _, kernel in ipairs(kernels) do
    print(string.format("  %-12s %s, %d bytes", kernel.name, kernel.arch, #kernel.cubin))
  end
else
  print("  not compiled: " .. kernels)
end
