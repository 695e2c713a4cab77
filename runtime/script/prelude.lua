-- SPDX-License-Identifier: Apache-2.0
-- What is easier said in Lua than in C: enumeration, filters, overriding. See docs/lua.md.
local stile, methods = ...

local function check(condition, ...)
  if not condition then
    error(string.format(...), 3)
  end
end

-- Settings by the path of their field: {precision = {input = "f16"}} is {["precision.input"] =
-- "f16"}.
local SECTIONS = {precision = true, weight = true, epilogue = true, schedule = true}

-- In a fixed order, so that the more precise of two settings of one field wins.
local function by_path(settings)
  local keys, paths = {}, {}
  for key in pairs(settings) do
    if type(key) ~= "string" then
      error("settings are given by the names of their fields, not as a list", 3)
    end
    keys[#keys + 1] = key
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value = settings[key]
    if SECTIONS[key] and type(value) == "table" then
      for name, inner in pairs(value) do
        paths[key .. "." .. tostring(name)] = inner
      end
    else
      paths[key] = value
    end
  end
  return paths
end

-- Sets the field at `path` ("precision.input" or "basis") of a spec's table.
local function set(spec, path, value)
  local section, key = path:match("^(%w+)%.(.+)$")
  if not section then
    spec[path] = value
    return
  end
  if type(spec[section]) ~= "table" then
    spec[section] = {}
  end
  spec[section][key] = value
end

-- These concern a spec as a whole; everything else is a field that variants may vary.
local WHOLE = {name = true, shapes = true, stile = true, variants = true}

local function set_all(spec, paths)
  for path, value in pairs(paths) do -- any order: each path is set once
    set(spec, path, value)
  end
end

-- A field that is set varies no more.
local function fix(spec, paths)
  for path in pairs(paths) do
    if spec.variants and not WHOLE[path] then
      spec.variants[path] = nil
    end
  end
  if spec.variants and not next(spec.variants) then
    spec.variants = nil
  end
end

local make = stile.spec

function stile.spec(settings, directory)
  if type(settings) ~= "table" then
    return make(settings, directory) -- says what is wrong
  end
  local spec = {stile = 1}
  set_all(spec, by_path(settings))
  return make(spec, directory)
end

function methods.spec.override(self, settings)
  check(type(settings) == "table", "spec:override: settings must be a table, not %s",
        type(settings))
  local spec, paths = self:table(), by_path(settings)
  fix(spec, paths)
  set_all(spec, paths)
  return make(spec, self.directory)
end

-- With a name the result is that spec; without, a variant of the old one, named by what changed.
function methods.variant.override(self, settings)
  check(type(settings) == "table", "variant:override: settings must be a table, not %s",
        type(settings))
  check(settings.variants == nil, "variant:override: one variant stays one; override the spec")
  local spec, paths = self:table(), by_path(settings)
  if settings.name then
    spec.variants = nil
    set_all(spec, paths)
  else
    spec.variants = spec.variants or {}
    for path, value in pairs(paths) do
      if WHOLE[path] then
        set(spec, path, value)
      else
        spec.variants[path] = {value}
      end
    end
    if not next(spec.variants) then
      spec.variants = nil
    end
  end
  return make(spec, self.directory):variant()
end

local variants = methods.spec.variants

function methods.spec.variants(self, keep)
  check(keep == nil or type(keep) == "function", "spec:variants: the filter must be a function")
  local all, kept = variants(self), {}
  for _, variant in ipairs(all) do
    if not keep or keep(variant) then
      kept[#kept + 1] = variant
    end
  end
  return kept
end

-- Iterates over all combinations of {{path, {value, ...}}, ...}: the last axis varies fastest.
function stile.enumerate(axes, keep)
  check(type(axes) == "table", "stile.enumerate: axes must be a list of {path, values}")
  check(keep == nil or type(keep) == "function", "stile.enumerate: the filter must be a function")
  local count, taken = 1, {}
  for i, axis in ipairs(axes) do
    local path, values = table.unpack(type(axis) == "table" and axis or {})
    check(type(path) == "string" and type(values) == "table",
          "stile.enumerate: axis %d must be {path, values}", i)
    check(not taken[path], "stile.enumerate: %s is an axis twice", path)
    taken[path] = true
    count = count * #values
  end
  local index = 0
  return function()
    while index < count do
      local rest, settings = index, {}
      for i = #axes, 1, -1 do
        local path, values = axes[i][1], axes[i][2]
        settings[path] = values[rest % #values + 1]
        rest = rest // #values
      end
      index = index + 1
      if not keep or keep(settings) then
        return settings, index
      end
    end
  end
end

-- Finds the fastest schedule. A search of the caller's own runs as a coroutine: it gets the
-- candidates, yields lists of their indices, and gets back what came of each.
function methods.variant.tune(self, options)
  check(options == nil or type(options) == "table", "variant:tune: options must be a table")
  local rest, search = {}, nil
  for key, value in pairs(options or {}) do
    if key == "search" then
      search = value
    else
      rest[key] = value
    end
  end
  check(search == nil or type(search) == "function", "variant:tune: search must be a function")
  local tuning <close> = self:tuning(rest)
  if search then
    local step = coroutine.wrap(function()
      search(tuning:candidates())
    end)
    local wanted = step()
    while wanted and not tuning.spent do
      wanted = step(tuning:time(wanted))
    end
  else
    tuning:search()
  end
  return tuning:finish()
end

function stile.tune(options)
  check(type(options) == "table" and options.variant,
        "stile.tune: the option variant says what to tune")
  local rest = {}
  for key, value in pairs(options) do
    if key ~= "variant" then
      rest[key] = value
    end
  end
  return options.variant:tune(rest)
end
