//! A server's memory while it has nothing to do: what only its start needed is given back. mallopt(3),
//! malloc_trim(3), madvise(2), dl_iterate_phdr(3).

/// Bytes from which an allocation is a mapping of its own, gone when it is freed. Left alone the C library raises
/// this with the largest one freed, and a large buffer then stays in the heap for good.
const MAPPED_FROM: libc::c_int = 128 * 1024;
/// Free bytes at the heap's end that are kept.
const KEPT: libc::c_int = 128 * 1024;

/// Tells the allocator that memory is to be given back: for processes that live long and mostly wait.
pub fn be_sparing() {
    #[cfg(target_env = "gnu")]
    // SAFETY: mallopt sets numbers of the allocator's.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_FROM);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT);
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}

/// Gives back free heap, and unmaps the pages of code and constants: those that are used are mapped again at their
/// next use, from the page cache, and starting takes most that are never used again. To be called once, when a
/// process has started.
pub fn settle() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim touches free memory of the allocator's only.
    unsafe {
        libc::malloc_trim(0);
    }
    // SAFETY: the callback is called with valid pointers before this call returns, and takes no data.
    unsafe { libc::dl_iterate_phdr(Some(drop_pages), std::ptr::null_mut()) };
}

/// For one loaded object.
unsafe extern "C" fn drop_pages(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    _data: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the C library gives a valid description of a loaded object.
    let object = unsafe { &*object };
    // SAFETY: it says itself how many headers there are and where.
    let segments =
        unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    // SAFETY: sysconf reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    for segment in segments {
        // What may be written holds relocations and data: those pages are in memory alone.
        if segment.p_type != libc::PT_LOAD || segment.p_flags & libc::PF_W != 0 {
            continue;
        }
        let start = object.dlpi_addr as usize + segment.p_vaddr as usize;
        let end = start + segment.p_memsz as usize;
        // Only whole pages: the last one may be shared with what follows.
        let (start, end) = (start.next_multiple_of(page), end / page * page);
        if start < end {
            let place = std::ptr::with_exposed_provenance_mut(start);
            // SAFETY: a mapping of a file that nobody writes to: what is dropped is read from the file again. Refused
            // for the kernel's own object, which is none.
            unsafe { libc::madvise(place, end - start, libc::MADV_DONTNEED) };
        }
    }
    0
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_was_dropped_is_there_when_it_is_needed() {
        let words = std::hint::black_box(["constants", "and", "code"]);
        be_sparing();
        settle();
        assert_eq!(words.join(" "), "constants and code");
        let large = vec![1u8; 1 << 20];
        settle();
        assert_eq!(large.iter().map(|b| usize::from(*b)).sum::<usize>(), 1 << 20);
    }
}
