import Testing

/// The gateway as a whole, between fake sinks. One suite after the other: what they measure would be disturbed by the
/// others, and each is over in seconds.
@Suite(.serialized) enum EndToEnd {}

/// Those that push as fast as they can or for long: one load at a time.
@Suite(.serialized) enum EndToEndUnderLoad {}

/// Those that mostly wait, and so run beside one another.
@Suite enum EndToEndAtOnce {}
