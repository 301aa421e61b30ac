import Sluice

/// The core's lock, which the core extends, before that of `Synchronization`. For sanitizing alone.
typealias Mutex<Value: ~Copyable> = Sluice.Mutex<Value>
