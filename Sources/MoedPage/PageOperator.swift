import MoedCore

/// Somebody who signed in with an operator's key: the page shows buttons then.
package struct PageOperator: Sendable {
    /// Secret of the session, which each form sends back: no other site knows it.
    package var token: String
    /// First characters of the key.
    package var hint: String
    /// Result of the last action; shown once.
    package var message: String?

    package init(token: String, hint: String, message: String? = nil) {
        self.token = token
        self.hint = hint
        self.message = message
    }

    /// A button that sends an action. It works without scripts.
    func button(_ text: String, _ action: String, kind: String? = nil, name: String? = nil) -> HTMLText {
        let fields = [("action", action), ("kind", kind), ("name", name)].map { field, value -> HTMLText in
            guard let value else { return "" }
            return "<input type=\"hidden\" name=\"\(field)\" value=\"\(value)\">"
        }.joined
        let label = [text, kind, name].compactMap { $0 }.joined(separator: " ")
        return """
            <form method="post" action="/act"><input type="hidden" name="token" value="\(token)">\(fields)\
            <button aria-label="\(label)">\(text)</button></form>
            """
    }

    /// A button behind a second click: what it does cannot be undone.
    func guardedButton(_ text: String, _ action: String, name: String) -> HTMLText {
        "<details><summary>\(text) …</summary>\(button("\(text) for good", action, name: name))</details>"
    }

    /// The signed-in key, the last action's result, and the pauses with their ends.
    func banner(_ paused: [String]) -> HTMLText {
        let pauses = paused.map { pause -> HTMLText in
            let words = pause.split(separator: " ", maxSplits: 1).map(String.init)
            let name = words.count > 1 ? words[1] : nil
            return "<li>\(pause) \(button("Resume", "resume", kind: words[0], name: name))</li>"
        }.joined
        let all = paused.contains("all") ? "" : button("Pause everything", "pause", kind: "all")
        return """
            <section id="operator"><p>Signed in with the key \(hint)… </p>
            <form method="post" action="/logout"><input type="hidden" name="token" value="\(token)">\
            <button>Sign out</button></form> \(all)<ul class="pauses">\(pauses)</ul></section>

            """ + (message.map { "<p class=\"message\" role=\"status\">\($0)</p>\n" } ?? "")
    }

    func actions(_ section: String, _ row: JSONObject, paused: [String]) -> HTMLText? {
        switch section {
        case "failures": row["code"]?.string.map { button("Run again", "redrive", name: $0) }
        case "batches":
            if let unfinished = row["unfinished"]?.integer, unfinished > 0, let id = row["id"]?.string {
                guardedButton("Cancel", "cancel", name: id)
            } else {
                ""
            }
        case "tenants": row["name"]?.string.map { pause("tenant", $0, paused) }
        case "queue": row["model"]?.string.map { pause("model", $0, paused) }
        default: nil
        }
    }

    private func pause(_ kind: String, _ name: String, _ paused: [String]) -> HTMLText {
        paused.contains("\(kind) \(name)")
            ? button("Resume", "resume", kind: kind, name: name) : button("Pause", "pause", kind: kind, name: name)
    }
}
