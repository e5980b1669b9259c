#pragma once

/// Allocations made by the calling thread since it began; -1 where they are not counted (under a sanitizer, which has an allocator of its own).
long tripline_allocation_count(void);
