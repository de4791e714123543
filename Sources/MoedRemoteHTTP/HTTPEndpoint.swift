/// Address and credential of an endpoint. Only this target reads the credential.
package struct HTTPEndpoint: Sendable, Equatable {
    /// Base URL without a slash at its end, such as `http://host:8000/v1`.
    package var url: String
    /// File that holds the credential; nil sends none.
    package var credentialFile: String?
    /// File of certificates (PEM) that sign the server's; nil takes those of the system.
    package var authorityFile: String?

    package init(url: String, credentialFile: String? = nil, authorityFile: String? = nil) {
        self.url = url
        self.credentialFile = credentialFile
        self.authorityFile = authorityFile
    }
}
