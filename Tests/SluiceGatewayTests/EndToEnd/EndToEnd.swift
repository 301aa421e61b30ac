import Testing

/// The gateway as a whole, between fake sinks. Its tests mostly wait, and so run beside one another.
@Suite enum EndToEnd {}

/// Those that push as fast as they can or for long: one load at a time.
@Suite(.serialized) enum EndToEndUnderLoad {}
