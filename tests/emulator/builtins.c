/* SPDX-License-Identifier: Apache-2.0 */
/* NVRTC's built-in declarations come in a library of their own; the emulator's is empty. */
__attribute__((visibility("default"))) extern const int emulator_builtins;
const int emulator_builtins = 1;
