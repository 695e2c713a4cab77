/* SPDX-License-Identifier: Apache-2.0 */
/* NVRTC's built-in declarations come in a library of their own; the stand-in's is empty. */
__attribute__((visibility("default"))) extern const int fake_nvrtc_builtins;
const int fake_nvrtc_builtins = 1;
