extension Route {
    /// Method and path as `docs/openapi.json` has them: a name for each kind of request.
    package var pattern: String {
        switch self {
        case .health: "GET /healthz"
        case .document: "GET /openapi.json"
        case .models: "GET /v1/models"
        case .model: "GET /v1/models/{model}"
        case .uploadFile: "POST /v1/files"
        case .files: "GET /v1/files"
        case .file: "GET /v1/files/{file_id}"
        case .deleteFile: "DELETE /v1/files/{file_id}"
        case .fileContent: "GET /v1/files/{file_id}/content"
        case .createBatch: "POST /v1/batches"
        case .batches: "GET /v1/batches"
        case .batch: "GET /v1/batches/{batch_id}"
        case .cancelBatch: "POST /v1/batches/{batch_id}/cancel"
        case .direct(.chat): "POST /v1/chat/completions"
        case .direct(.completions): "POST /v1/completions"
        case .direct(.embeddings): "POST /v1/embeddings"
        case .direct(.responses): "POST /v1/responses"
        case .messages(.create): "POST /v1/messages/batches"
        case .messages(.list): "GET /v1/messages/batches"
        case .messages(.batch): "GET /v1/messages/batches/{message_batch_id}"
        case .messages(.results): "GET /v1/messages/batches/{message_batch_id}/results"
        case .messages(.cancel): "POST /v1/messages/batches/{message_batch_id}/cancel"
        }
    }
}
