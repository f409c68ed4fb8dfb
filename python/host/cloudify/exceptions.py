"""The exceptions by which an operation says whether it may be repeated."""


class NonRecoverableError(Exception):
    """The operation failed for good."""

    def __init__(self, *args, **kwargs):
        self.causes = kwargs.pop('causes', None) or []
        super(NonRecoverableError, self).__init__(*args, **kwargs)


class RecoverableError(Exception):
    """The operation failed and is repeated, after retry_after seconds."""

    def __init__(self, message='', retry_after=None, causes=None, **kwargs):
        self.causes = causes or []
        self.retry_after = retry_after
        if retry_after is not None:
            note = '[retry_after={0}]'.format(retry_after)
            if note not in str(message):
                message = '{0} {1}'.format(message, note)
        super(RecoverableError, self).__init__(message, **kwargs)


class OperationRetry(RecoverableError):
    """The operation asks to be called again."""


class HttpException(NonRecoverableError):
    """A file could not be read over HTTP."""

    def __init__(self, url, code=None, message=None, causes=None, **kwargs):
        self.url = url
        self.code = code
        self.message = message
        text = url if code is None else '{0} ({1}) : {2}'.format(
            url, code, message)
        super(HttpException, self).__init__(text, causes=causes)


class StopAgent(Exception):
    """Ends the agent that runs the operation."""


class TimeoutException(Exception):
    """Something took too long."""


class CommandExecutionError(RuntimeError):
    """A command could not be run."""


class CommandExecutionException(Exception):
    """A command ended with an error."""

    def __init__(self, command, error=None, output=None, code=None):
        self.command = command
        self.error = error
        self.output = output
        self.code = code
        super(CommandExecutionException, self).__init__(
            "Command '{0}' executed with an error. code: {1}. error: {2}. "
            "output: {3}".format(command, code, error, output))


class CloudifyClientError(Exception):
    """The manager refused a request."""
