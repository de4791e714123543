/// Inputs that determine a runner's tokens beside the request.
package struct RunnerOrigin: Sendable, Equatable {
    /// Digest of weights, formats, tokenizer, template, format of keys and values, and defaults of requests.
    package var digest: String
    /// Served name of the model. It is not in the digest: a copy under another name computes the same tokens.
    package var model: String
    /// Formats for people: "experts int4/64, dense int8/64, keys and values f16".
    package var formats: String
    /// Digests and choices that the digest was made of.
    package var details: JSONObject

    package init(digest: String, model: String, formats: String = "", details: JSONObject = JSONObject([])) {
        self.digest = digest
        self.model = model
        self.formats = formats
        self.details = details
    }
}
