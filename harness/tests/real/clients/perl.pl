# Drivers of `linger check-client` for libraries of Perl: perl.pl LWP|Tiny
use strict;
use warnings;
use Digest::SHA 'sha256_hex';
use JSON::PP;

my $json = JSON::PP->new->canonical->allow_nonref;
my ($client, $tiny) = (undef, $ARGV[0] eq 'Tiny');
if ($tiny) { require HTTP::Tiny; $client = HTTP::Tiny->new(verify_SSL => 1, SSL_options => {SSL_ca_file => $ENV{SSL_CERT_FILE}}) }
else { require LWP::UserAgent; $client = LWP::UserAgent->new(keep_alive => 10) }

$| = 1;
while (my $line = <STDIN>) {
    chomp $line;
    last if $line eq 'QUIT';
    my ($method, $url, $file) = split / /, $line, 3;
    my $body;
    if (defined $file) { local $/; open my $in, '<:raw', $file or die $!; $body = <$in> }
    my ($ok, $status, $content, $error);
    if ($tiny) {
        my $reply = $client->request($method, $url, defined $body ? {content => $body} : {});
        ($ok, $status, $content) = ($reply->{success}, $reply->{status}, $reply->{content});
        $error = $status == 599 ? $content : $reply->{reason};
    } else {
        my $request = HTTP::Request->new($method, $url);
        $request->content($body) if defined $body;
        my $reply = $client->request($request);
        ($ok, $status, $content, $error) = ($reply->is_success, $reply->code, $reply->content, $reply->status_line);
    }
    print $json->encode({ok => $ok ? JSON::PP::true : JSON::PP::false, status => $status + 0,
        bytes => length $content, sha256 => sha256_hex($content), error => $ok ? undef : $error}), "\n";
}
