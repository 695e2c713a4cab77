// SPDX-License-Identifier: Apache-2.0
// Runs of neighbouring elements, moved in the widest words that their size allows.

template <int BYTES> struct WordOf;
template <> struct WordOf<1> { using type = unsigned char; };
template <> struct WordOf<2> { using type = unsigned short; };
template <> struct WordOf<4> { using type = unsigned; };
template <> struct WordOf<8> { using type = uint2; };
template <> struct WordOf<16> { using type = uint4; };

// COUNT elements of T. Memory that is read or written whole must be aligned to WORD_BYTES.
template <class T, int COUNT>
struct Chunk {
    static constexpr int BYTES = COUNT * sizeof(T);
    static constexpr int WORD_BYTES = BYTES % 16 == 0 ? 16
        : BYTES % 8 == 0                              ? 8
        : BYTES % 4 == 0                              ? 4
        : BYTES % 2 == 0                              ? 2
                                                      : 1;
    using Word = typename WordOf<WORD_BYTES>::type;

    union {
        T elements[COUNT];
        Word words[BYTES / WORD_BYTES];
        unsigned pairs[(BYTES + 3) / 4]; // of 16-bit elements
    };

    __device__ __forceinline__ void load(const T *memory)
    {
#pragma unroll
        for (int i = 0; i < BYTES / WORD_BYTES; i++)
            words[i] = reinterpret_cast<const Word *>(memory)[i];
    }

    __device__ __forceinline__ void store(T *memory) const
    {
#pragma unroll
        for (int i = 0; i < BYTES / WORD_BYTES; i++)
            reinterpret_cast<Word *>(memory)[i] = words[i];
    }

    // Elements from `valid` on are zero when loaded and untouched when stored; valid may be negative.
    __device__ __forceinline__ void load(const T *memory, int valid)
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            elements[i] = i < valid ? memory[i] : T{};
    }

    __device__ __forceinline__ void store(T *memory, int valid) const
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            if (i < valid)
                memory[i] = elements[i];
    }
};

// Rounds floats to the elements of a chunk; pairs of 16-bit elements stay in one register.
template <class T, int COUNT>
__device__ __forceinline__ void from_floats(Chunk<T, COUNT> &out, const float (&in)[COUNT])
{
    if constexpr (sizeof(T) == 2 && COUNT % 2 == 0) {
#pragma unroll
        for (int i = 0; i < COUNT; i += 2)
            out.pairs[i / 2] = pack_floats(T{}, in[i], in[i + 1]);
    } else {
        from_floats(out.elements, in);
    }
}
