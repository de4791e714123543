/// One key of an entry of the list `endpoints`. This table is the only place of these keys, their defaults and
/// explanations.
package struct EndpointKey: Sendable {
    package let name: String
    /// Default as written in the file; empty when the key is required or its value is derived.
    package let fallback: String
    package let explanation: String
    /// Value in the example file.
    let example: String

    private init(_ name: String, _ fallback: String, example: String, _ explanation: String) {
        self.name = name
        self.fallback = fallback
        self.explanation = explanation
        self.example = example
    }

    package static let identifier = EndpointKey(
        "name", "", example: "gpu",
        "Name in logs, tables and metrics: letters, digits, `-`, `_` and `.`. Required.")
    package static let url = EndpointKey(
        "url", "", example: "http://10.0.0.5:8000/v1",
        """
        Base URL of the API, `http://` or `https://`. Required. Certificates are verified, redirects are not followed, \
        and no proxy is used.
        """)
    package static let api = EndpointKey(
        "api", "tokens", example: "tokens",
        """
        `tokens`: moed sends token ids to `/completions` and reads token ids (vLLM, SGLang). Thinking budgets, \
        checkpoints and counts are exact, as on the local engine. `chat`: messages to `/chat/completions`, text and \
        `usage` back (any provider). Counts are the provider's word, NULL where it tells none; a broken request \
        starts over.
        """)
    package static let model = EndpointKey(
        "model", "", example: "qwen3", "Name of the model at the endpoint. Empty: model.name.")
    package static let credential = EndpointKey(
        "credential", "", example: "/etc/moed/gpu.key",
        """
        File that holds the key, sent as `Authorization: Bearer`. A name without a slash is a credential of the unit \
        (`LoadCredential=`). Read for each request. Empty: none.
        """)
    package static let authority = EndpointKey(
        "ca_file", "", example: "/etc/moed/ca.pem",
        "File of certificates (PEM) that sign the server's. Empty: those of the system.")
    package static let maxInFlight = EndpointKey(
        "max_in_flight", "auto", example: "64",
        """
        Maximum number of requests in flight, 1…4096. `auto` starts with 4 and grows while all are in use. It is \
        halved when the endpoint refuses load, and follows `/metrics` of vLLM, SGLang and llama.cpp when requests \
        wait there.
        """)

    package static let thinkingSwitch = EndpointKey(
        "thinking_switch", "chat_template_kwargs.enable_thinking", example: "reasoning.enabled",
        "With `api: chat`: path of the member that switches thinking on (`true`) and off. `none` sends none.")
    package static let thinkingBudget = EndpointKey(
        "thinking_budget", "", example: "thinking_token_budget",
        """
        With `api: chat`: path of the member that takes thinking_token_budget, such as `reasoning.max_tokens`. Empty: \
        jobs with a budget do not run there.
        """)
    package static let trust = EndpointKey(
        "trust", "house", example: "outside",
        """
        `house`: an engine of the house, which may read every tenant's texts. `outside`: it reads the jobs of tenants \
        whose `remote_allowed` is not false. A list of tenants, `acme, beta`: it reads only theirs.
        """)
    package static let promptPrice = EndpointKey(
        "price_prompt", "", example: "0.30",
        """
        Price per million prompt tokens, for the account of requests. Empty: a cost is known only if the endpoint \
        tells it.
        """)
    package static let cachedPrice = EndpointKey(
        "price_cached", "", example: "0.03",
        "Price per million prompt tokens that the endpoint had cached. Empty: as price_prompt.")
    package static let completionPrice = EndpointKey(
        "price_completion", "", example: "1.20", "Price per million completion tokens.")

    package static let all: [EndpointKey] = [
        identifier, url, api, model, credential, authority, maxInFlight, thinkingSwitch, thinkingBudget,
        trust, promptPrice, cachedPrice, completionPrice,
    ]

    /// Section of the list in the file.
    package static let section = "endpoints"
    /// Explanation of the list.
    static let introduction =
        "List of engines that exist elsewhere and run the same model. Only the file can set it."
}

/// Raw values of one entry of `endpoints`.
package struct EndpointText: Sendable, Equatable {
    package private(set) var values: [String: SettingSources.Value] = [:]
    /// Place of the entry in the file: `moed.yaml:12`.
    package let origin: String

    package init(origin: String) { self.origin = origin }

    package func text(_ key: EndpointKey) -> String { values[key.name]?.text ?? key.fallback }

    package func origin(_ key: EndpointKey) -> String { values[key.name]?.origin ?? origin }

    mutating func set(_ key: EndpointKey, _ value: SettingSources.Value) { values[key.name] = value }
}
