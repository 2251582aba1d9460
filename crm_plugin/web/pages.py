"""The list of the CRM's own pages: each module with its routes, and the cards of the overview."""

from crm_plugin.host.contributions import Capability
from crm_plugin.web import api
from crm_plugin.web.admin import audit_log, health, initialisation, outbox, suppressions, tokens, topics
from crm_plugin.web.admin import words as admin_words
from crm_plugin.web.automations import builder, recurring
from crm_plugin.web.automations import list_page as automation_list
from crm_plugin.web.automations import page as automation_page
from crm_plugin.web.automations import words as automation_words
from crm_plugin.web.boards import board_page, bulk, orders_page
from crm_plugin.web.boards import board_words as one_board_words
from crm_plugin.web.boards import list_page as course_list
from crm_plugin.web.boards import words as board_words
from crm_plugin.web.campaigns import list_page as campaign_list
from crm_plugin.web.campaigns import page as campaign_page
from crm_plugin.web.campaigns import people as campaign_people
from crm_plugin.web.campaigns import report as campaign_report
from crm_plugin.web.campaigns import words as campaign_words
from crm_plugin.web.campaigns.composer import audience, check, content, policy, repeat, steps
from crm_plugin.web.home_page import page as home
from crm_plugin.web.home_page import words as home_words
from crm_plugin.web.menu import ENTRIES
from crm_plugin.web.people import bulk_actions, exports, quick_queries, taggings
from crm_plugin.web.people import list_page as people_list
from crm_plugin.web.people import words as people_words
from crm_plugin.web.person import explain, message, notes, replies
from crm_plugin.web.person import page as person_page
from crm_plugin.web.person import words as person_words
from crm_plugin.web.segments import pickers
from crm_plugin.web.segments import words as segment_words
from crm_plugin.web.shell import flash, vocabulary
from crm_plugin.web.shell.extension import WebExtension
from crm_plugin.web.sms import editor, templates
from crm_plugin.web.sms import words as sms_words

_PAGES = (
    *(home, people_list, bulk_actions, exports, taggings, quick_queries, flash),
    *(person_page, explain, message, notes, replies, course_list, orders_page, board_page, bulk),
    *(campaign_list, steps, audience, content, policy, check, pickers, campaign_page, campaign_people),
    *(campaign_report, editor, templates, outbox, initialisation, health, suppressions, tokens, topics),
    *(audit_log, repeat, recurring, automation_list, automation_page, builder),
)

_WORDS = (
    vocabulary,
    segment_words,
    admin_words,
    sms_words,
    campaign_words,
    people_words,
    person_words,
    home_words,
    automation_words,
    board_words,
    one_board_words,
)

_OURS = WebExtension(
    (*(one.ROUTES for one in _PAGES), *api.ROUTES), ENTRIES, (replies.replies_card, notes.due_card)
)
WEB = Capability("web", (_OURS, *(one.WORDS for one in _WORDS)))
"""The pages themselves, as an application lists them."""
