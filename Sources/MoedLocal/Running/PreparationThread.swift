import MoedBatching
import MoedCore
import MoedHost

/// Turns jobs into tasks on its own thread, so that a prompt of megabytes does not delay the lease or signals.
actor PreparationThread {
    private let executor: ThreadExecutor
    private let preparer: RequestPreparer

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Throws: `HostError` when the system has no thread left.
    init(_ preparer: RequestPreparer) throws(HostError) {
        executor = try ThreadExecutor(name: "moed-prepare")
        self.preparer = preparer
    }

    /// Parses the body, renders the template and tokenises.
    ///
    /// A job without a seed is seeded with its id: running it again gives the same answer.
    func prepare(_ job: RunnableJob) -> Result<GenerationTask, RequestError> {
        guard let text = job.body else {
            return .failure(preparer.bodyTooLarge)
        }
        let body: JSONValue
        do throws(JSONError) {
            body = try JSONValue(parsing: text)
        } catch {
            return .failure(RequestError(.invalidJSON, error.description))
        }
        return Result { () throws(RequestError) in
            var task = try preparer.prepare(
                try GenerationRequest(body: body), job: job.id, model: job.jobClass.model,
                bucket: job.jobClass.bucket, seed: UInt64(bitPattern: job.id.rawValue), waited: job.waited)
            task.saved = job.saved
            return task
        }
    }
}
