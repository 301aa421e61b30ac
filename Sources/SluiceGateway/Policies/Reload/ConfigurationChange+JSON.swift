import Sluice

/// A change as the control socket tells it.
extension ConfigurationChange {
    var json: [UInt8] {
        JSONWriter.object { json in
            json.member("name", name)
            json.member("before", ifPresent: before)
            json.member("after", ifPresent: after)
            json.member("effect", effect.description)
        }
    }
}
