-- SPDX-License-Identifier: Apache-2.0
-- Measures bases: `stile lua measure.lua FILE…` writes one line for each, fields between tabs, for table.py.

for _, path in ipairs(arg) do
  local basis = stile.basis{file = path}
  local metrics = basis:metrics()
  local additions = "dense"
  if metrics.sparse then
    local spec = stile.spec{name = "measured", basis = {file = path}}
    local numbers = spec:variant():explain{M = 64, K = 64, N = 64}
    additions = numbers.additions_x + numbers.additions_w + numbers.additions_y
  end
  local fields = {
    path, basis.name, basis.tile[1], basis.tile[2], basis.tile[3], basis.rank, metrics.exact,
    ("%.17g"):format(metrics.error), ("%.17g"):format(metrics.growth), metrics.coupling.algebraic,
    metrics.coupling.structural, additions, basis.source,
  }
  for i, field in ipairs(fields) do
    fields[i] = tostring(field):gsub("%s+", " ")
  end
  print(table.concat(fields, "\t"))
end
