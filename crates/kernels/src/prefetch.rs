//! Asking for memory before it is needed.
//!
//! The processor foresees one long walk over memory by itself, up to the end of a page. It does not foresee the next of
//! many short walks, such as pieces of rows that lie a page apart; those are asked for here.
#![cfg_attr(target_arch = "x86_64", expect(unsafe_code, reason = "a prefetch takes an address"))]

/// Asks for the cache line at an address, which need not be one: the line comes while something else is computed.
#[inline(always)]
pub(crate) fn prefetch<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Asks for part `part` of `parts` of some numbers, for the second-level cache.
#[inline]
pub(crate) fn prefetch_part<T>(numbers: &[T], part: usize, parts: usize) {
    let ends = [part, part + 1].map(|part| numbers.len() * part / parts);
    for line in numbers[ends[0]..ends[1]].chunks(64 / size_of::<T>()) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch reads nothing, whatever the address.
        unsafe {
            std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(line.as_ptr().cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = line;
    }
}
