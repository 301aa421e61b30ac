import Glibc
import Synchronization

/// Lets one thread sleep until another has something for it, or a deadline passes.
///
/// Raising it while the thread is busy costs one atomic exchange; a raise is never lost.
/// `@unchecked`: the condition variable and its mutex are only used through calls made for sharing them.
package final class ThreadSignal: @unchecked Sendable {
    private let state = SleepState()
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    package init() {
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    deinit {
        pthread_cond_destroy(condition)
        pthread_mutex_destroy(mutex)
        condition.deallocate()
        mutex.deallocate()
    }

    package func raise() {
        guard state.raise() else { return }
        pthread_mutex_lock(mutex)
        pthread_cond_signal(condition)
        pthread_mutex_unlock(mutex)
    }

    /// Returns when the signal was raised since the last call, or at the deadline.
    package func wait(until deadline: MonotonicTime?) {
        guard state.fallAsleep() else {
            state.wakeUp()
            return
        }
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while state.isAsleep, sleep(until: deadline) {}
        state.wakeUp()
    }

    /// - Returns: false when the deadline has passed.
    private func sleep(until deadline: MonotonicTime?) -> Bool {
        guard let deadline else {
            pthread_cond_wait(condition, mutex)
            return true
        }
        // A deadline beyond the range of time_t stands for none.
        let seconds = min(deadline.nanoseconds / 1_000_000_000, UInt64(Int32.max))
        var time = timespec(tv_sec: Int(seconds), tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
        return pthread_cond_timedwait(condition, mutex, &time) == 0
    }
}
