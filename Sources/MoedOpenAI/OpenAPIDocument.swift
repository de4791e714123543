/// The description of the API for programs: `docs/openapi.json`, which is in the program.
package enum OpenAPIDocument {
    package static let text = String(decoding: PackageResources.openapi_json, as: UTF8.self)
}
