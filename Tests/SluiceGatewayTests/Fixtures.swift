import Sluice

/// Bodies written by hand. Whole webhooks are ``Payload``s.
enum Fixtures {
    static let commit = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"

    static let push = """
        {
          "ref": "refs/heads/main", "before": "0000000000000000000000000000000000000000", "deleted": false,
          "repository": {"id": 1, "name": "hello", "full_name": "octo/hello", "pushed_at": 1557933565,
            "owner": {"name": "octo", "full_name": "not this one"}},
          "commits": [
            {"id": "\(commit)", "message": "Fix <the> leak\\n\\nIt was \\"small\\" \\u00e9\\ud83d\\ude80.",
             "timestamp": "2019-05-15T17:19:25.250+02:00", "url": "https://github.com/octo/hello/commit/1",
             "author": {"name": "Ann Onym", "email": "a@example.com", "username": "ann"}, "added": ["a", "b"]},
            {"id": "FEED000000000000000000000000000000000000", "message": "Zweiter, größer",
             "timestamp": "2019-05-15T15:20:00Z", "url": "https://github.com/octo/hello/commit/2",
             "author": {"name": "Ann Onym", "email": null}}
          ],
          "head_commit": null, "numbers": [0, -1, 1.5, 2e10, -0.25E-3]
        }
        """

    /// What the sample application's script sends.
    static let stub = """
        {"commits": [{"id": "\(commit)", "message": "This is an example commit message",
          "timestamp": "2026-01-02T03:04:05+00:00", "author": {"name": "John Doe"}}]}
        """

    static let deploymentStatus = """
        {"action": "created", "deployment_status": {"state": "success", "environment": "prod", "creator": {"id": 1},
          "created_at": "2019-05-15T15:20:55Z", "updated_at": "2019-05-15T15:21:00Z"},
         "deployment": {"sha": "\(commit)", "environment": "production", "payload": {}},
         "repository": {"name": "hello", "full_name": "octo/hello"}}
        """

    static func webhook(_ event: String?, _ body: [UInt8]) -> Message {
        var message = Message(payload: body)
        message.metadata["github_event"] = event
        return message
    }

    static func webhook(_ event: String?, _ body: String) -> Message {
        webhook(event, Array(body.utf8))
    }
}
