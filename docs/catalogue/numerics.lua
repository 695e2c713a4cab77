-- SPDX-License-Identifier: Apache-2.0
-- Measures how bases round on a GPU: `stile lua numerics.lua SIZE FILE…` writes a line for each basis and each
-- encoded type, fields between tabs: file, type, error and predicted error against the operator in fp64
-- (relative RMS, N(0,1) data, M = K = N = SIZE), their ratio, error against true matrix multiplication.
-- Exits 1 where a ratio is above 2.

local size = tonumber(table.remove(arg, 1))
local context = stile.context{device = "cuda"}
local worst = 0

for _, path in ipairs(arg) do
  for _, type in ipairs{"bf16", "f16", "e4m3"} do
    local variant = stile.spec{
      name = "numerics", basis = {file = path},
      precision = {input = type == "f16" and "f16" or "bf16", encoded = type},
    }:variant()
    local refusal = variant:refusal{arch = "sm_90a"}
    if refusal then
      print(path, type, refusal)
    else
      local result = variant:verify{context = context, M = size, K = size, N = size, random = 0}
      for _, case in ipairs(result.cases) do
        if case.applies and not case.integers and not case.nan then
          local share = case.error / case.predicted
          worst = math.max(worst, share)
          print(path, type, ("%.3g"):format(case.error), ("%.3g"):format(case.predicted),
                ("%.3f"):format(share), ("%.3g"):format(case.true_error or 0 / 0))
          break
        end
      end
    end
  end
end
os.exit(worst <= 2 and 0 or 1)
