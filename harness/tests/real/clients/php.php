<?php // A driver of `linger check-client` for PHP's file_get_contents(), or for its curl: php.php streams|curl
$curl = $argv[1] === 'curl' ? curl_init() : null;

function by_streams($method, $url, $body) {
    $options = ['method' => $method, 'content' => $body ?? '', 'ignore_errors' => false];
    $content = @file_get_contents($url, false, stream_context_create(['http' => $options]));
    preg_match('{^HTTP/\S+ (\d+)}', $http_response_header[0] ?? '', $status);
    return [$content === false ? error_get_last()['message'] : null, (int)($status[1] ?? 0), (string)$content];
}

function by_curl($curl, $method, $url, $body) {
    curl_reset($curl);
    curl_setopt_array($curl, [CURLOPT_URL => $url, CURLOPT_RETURNTRANSFER => true, CURLOPT_CUSTOMREQUEST => $method]);
    if ($body !== null) curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
    $content = curl_exec($curl);
    $status = curl_getinfo($curl, CURLINFO_RESPONSE_CODE);
    return [$content === false ? curl_error($curl) : ($status < 400 ? null : "status $status"), $status, (string)$content];
}

while (($line = fgets(STDIN)) !== false && ($line = rtrim($line)) !== 'QUIT') {
    [$method, $url, $file] = array_pad(explode(' ', $line, 3), 3, null);
    $body = $file === null ? null : file_get_contents($file);
    [$error, $status, $content] = $curl ? by_curl($curl, $method, $url, $body) : by_streams($method, $url, $body);
    echo json_encode(['ok' => $error === null, 'status' => $status ?: null, 'bytes' => strlen($content),
        'sha256' => hash('sha256', $content), 'error' => $error], JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}
