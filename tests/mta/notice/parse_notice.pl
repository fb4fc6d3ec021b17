#!/usr/bin/perl
# Parses every golden notice with MIME-tools, and asks a program that sorts bounces what it makes of it (pitfall 108).
#
# Usage: parse_notice.pl DIRECTORY   (the one with notice-KIND[-CLASS].LANGUAGE.eml)
use strict;
use warnings;
use utf8;
use Encode qw(decode FB_CROAK);
use Mail::DeliveryStatus::BounceParser;
use MIME::Parser;

# What that program calls a class; the others it does not know.
my %reason_of = ('no-such-address' => 'user_unknown', 'connect-failed' => 'domain_error');
my %greeting = (en => 'Your message to ', de => 'Ihre Nachricht an ');

sub parse {
  my ($text) = @_;
  my $parser = MIME::Parser->new;
  $parser->output_to_core(1);
  $parser->tmp_to_core(1);
  $parser->extract_nested_messages(0);
  my $entity = $parser->parse_data($text);
  my @complaints = ($parser->results->errors, $parser->results->warnings);
  die "@complaints\n" if @complaints;
  return $entity;
}

sub types { return join ' ', map { $_->effective_type } @_; }

# Of each recipient: action and address.
sub recipients {
  my ($status) = @_;
  my @groups = split /\n\n+/, $status->bodyhandle->as_string =~ s/\r\n/\n/gr;
  shift @groups;    # of the message
  return map { [/^Action: (\S+)$/m, /^Final-Recipient: (?:rfc822|utf-8); (.+)$/m] } @groups;
}

sub check_words {
  my ($words, $language) = @_;
  die 'first part: ' . types($words->parts) . "\n" if types($words->parts) ne 'text/plain text/html';
  for my $part ($words->parts) {
    my $text = decode('UTF-8', $part->bodyhandle->as_string, FB_CROAK);
    die "no words in $language\n" if index($text, $greeting{$language}) < 0;
  }
}

sub check_sorting {
  my ($text, $class, @recipients) = @_;
  my $bounce = Mail::DeliveryStatus::BounceParser->new($text);
  if ($recipients[0][0] ne 'failed') {
    die "taken for a bounce\n" if $bounce->is_bounce;
    return;
  }
  die "not taken for a bounce\n" unless $bounce->is_bounce;
  my $wanted = join ' ', map { $_->[1] } @recipients;
  die "bounced: @{[$bounce->addresses]}, not $wanted\n" if $wanted ne join ' ', $bounce->addresses;
  die "another message\n" if $bounce->orig_message_id !~ /^<figures\.1\@a\.example>$/m;
  my $reason = ($bounce->reports)[0]->get('std_reason') =~ s/\s+//gr;
  die "reason $reason\n" if exists $reason_of{$class} && $reason ne $reason_of{$class};
}

sub check {
  my ($path) = @_;
  my ($class, $language) = $path =~ /notice-(?:[a-z]+)-?([a-z0-9-]*)\.([a-z]+)\.eml$/ or die "name\n";
  open my $file, '<:raw', $path or die "$!\n";
  my $text = do { local $/; <$file> };
  my $entity = parse($text);
  my ($words, $status, $original) = $entity->parts;
  die 'parts: ' . types($entity->parts) . "\n"
    if types($entity, $words) ne 'multipart/report multipart/alternative' || $entity->parts != 3;
  check_words($words, $language);
  my @recipients = recipients($status);
  die "no recipients\n" unless @recipients;
  # It knows nothing of RFC 6533, and stops at the first recipient that has not failed.
  my %actions = map { $_->[0] => 1 } @recipients;
  return if $status->effective_type ne 'message/delivery-status' || keys %actions > 1;
  check_sorting($text, $class, @recipients);
}

my @paths = glob "$ARGV[0]/notice-*.eml" or die "no golden notices found\n";
for my $path (@paths) {
  eval { check($path); 1 } or die "$path: $@";
}
print scalar(@paths), " notices parsed\n";
