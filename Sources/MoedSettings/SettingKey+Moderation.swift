/// Keys of the moderation endpoint.
extension SettingKey {
    package static let moderationURL = SettingKey(
        "moderation.url", "", example: .suggested("https://api.openai.com/v1"),
        """
        Base URL of a service with OpenAI's `/v1/moderations`, `http://` or `https://`. Rules of `moed.policy` of the \
        kind `moderation` ask it. It reads the texts that they judge, of every tenant they hold for. Certificates are \
        verified, redirects are not followed, and no proxy is used. Empty: such rules cannot be asked.
        """)
    package static let moderationModel = SettingKey(
        "moderation.model", "", example: .suggested("omni-moderation-latest"),
        "Model that requests name, unless the rule names one. Empty: they name none.")
    package static let moderationCredential = SettingKey(
        "moderation.credential", "", example: .suggested("/etc/moed/moderation.key"),
        """
        File that holds the key, sent as `Authorization: Bearer`. A name without a slash is a credential of the unit \
        (`LoadCredential=`). Read for each request. Empty: none.
        """)
    package static let moderationAuthority = SettingKey(
        "moderation.ca_file", "", example: .suggested("/etc/moed/ca.pem"),
        "File of certificates (PEM) that sign the server's. Empty: those of the system.")
    package static let moderationTimeLimit = SettingKey(
        "moderation.time_limit", "30s",
        """
        Time for the answer to one request. Until then it is repeated after a lost connection and after the statuses \
        408, 429 and 5xx. Then the rule's `on_fault` decides.
        """)
    package static let moderationInFlight = SettingKey(
        "moderation.max_in_flight", "8", "Maximum number of requests in flight, 1…256. Further ones wait in turn.")

    static let moderation: [SettingKey] = [
        moderationURL, moderationModel, moderationCredential, moderationAuthority, moderationTimeLimit,
        moderationInFlight,
    ]
}
